//! What was revoked: kept once, never taken back, numbered as it is committed, and forgotten in the end.

use portolan_domain::token::{Revocation, Revoked, RevokedName};
use portolan_storage::{Actor, IssuedToken, NewRevocation, Store, both_engines};
use time::{Duration, OffsetDateTime, macros::datetime};
use tokio::task::JoinSet;

use crate::{raw::Raw, support::by};

const END: OffsetDateTime = datetime!(2026-12-01 0:00 UTC);

fn name(text: &str) -> RevokedName {
    text.to_owned().try_into().unwrap()
}

fn jti(text: &str) -> NewRevocation {
    NewRevocation::of(Revoked::Jti(name(text)))
}

fn ending(text: &str, end: OffsetDateTime) -> NewRevocation {
    NewRevocation {
        expires_at: Some(end),
        ..jti(text)
    }
}

fn sub(text: &str) -> NewRevocation {
    NewRevocation::of(Revoked::Sub(name(text)))
}

async fn revoke(store: &Store, wanted: Vec<NewRevocation>) -> Vec<Revocation> {
    store.revoke_tokens(wanted, &by()).await.unwrap()
}

async fn all(store: &Store) -> Vec<Revocation> {
    store.revocations_after(0, 1000).await.unwrap().items
}

fn made(jti: &str) -> IssuedToken {
    IssuedToken {
        jti: jti.to_owned(),
        name: "upload".to_owned(),
        sub: "build".to_owned(),
        created_at: by().at,
        expires_at: END,
    }
}

both_engines! {
    async fn a_node_reads_what_is_behind_the_number_that_it_knows(database: TestDatabase) {
        let store = &database.store;
        assert_eq!(store.generations().await.unwrap().revocations, 0);
        revoke(store, vec![jti("a"), jti("b"), jti("a")]).await;
        assert_eq!(store.generations().await.unwrap().revocations, 2);
        let first = store.revocations_after(0, 1).await.unwrap();
        assert_eq!((first.items.len(), first.last, first.more), (1, 1, true));
        let rest = store.revocations_after(first.last, 1).await.unwrap();
        assert_eq!((rest.items[0].what.clone(), rest.last, rest.more), (jti("b").what, 2, false));
        let nothing = store.revocations_after(rest.last, 1).await.unwrap();
        assert_eq!((nothing.items.len(), nothing.last, nothing.more), (0, 2, false));
        // What changes is news again.
        revoke(store, vec![sub("x"), ending("c", END)]).await;
        revoke(store, vec![sub("x")]).await;
        let news = store.revocations_after(2, 10).await.unwrap();
        assert_eq!((news.items.len(), news.last), (2, 5));
        assert_eq!(store.generations().await.unwrap().revocations, 5);
    }

    async fn what_is_revoked_is_not_taken_back(database: TestDatabase) {
        let store = &database.store;
        // As both engines keep it.
        let at = by().at.truncate_to_microsecond();
        let late = Actor { at: at + Duration::HOUR, ..by() };
        revoke(store, vec![ending("a", END), ending("b", END)]).await;
        let again = vec![ending("a", END - Duration::HOUR), jti("b"), sub("x")];
        store.revoke_tokens(again, &late).await.unwrap();
        store.revoke_tokens(vec![sub("x")], &by()).await.unwrap();
        let found = all(store).await;
        let of = |what: &Revoked| found.iter().find(|found| found.what == *what).unwrap();
        let a = of(&jti("a").what);
        assert_eq!((a.at, a.expires_at), (at, Some(END)), "the first time, and the later end");
        assert_eq!(of(&jti("b").what).expires_at, None);
        assert_eq!(of(&sub("x").what).at, late.at, "the last time");
        for (instant, counts) in [(END, END), (END - Duration::DAY, END)] {
            let before = NewRevocation::of(Revoked::IssuedBefore(instant));
            let now = revoke(store, vec![before]).await;
            assert_eq!(now[0].what, Revoked::IssuedBefore(counts));
        }
        // What it hits needs no row of its own; ids do, since they hit whatever has them.
        let kept: Vec<Revoked> = all(store).await.into_iter().map(|found| found.what).collect();
        assert_eq!(kept, [jti("a").what, jti("b").what, Revoked::IssuedBefore(END)]);
    }

    async fn the_end_of_a_token_that_was_made_by_hand_is_known(database: TestDatabase) {
        let store = &database.store;
        store.note_token(&made("a"), &by()).await.unwrap();
        revoke(store, vec![jti("a"), jti("b"), sub("a")]).await;
        let ends: Vec<_> = all(store).await.iter().map(|found| found.expires_at).collect();
        assert_eq!(ends, [Some(END), None, None]);
        store.forget_revocations(END - Duration::SECOND).await.unwrap();
        assert_eq!(all(store).await.len(), 3);
        store.forget_revocations(END).await.unwrap();
        assert_eq!(all(store).await.len(), 2);
    }

    async fn tokens_are_listed_by_id(database: TestDatabase) {
        let store = &database.store;
        for id in ["a", "c", "e"] {
            store.note_token(&made(id), &by()).await.unwrap();
        }
        revoke(store, vec![jti("b"), jti("c"), ending("d", END), sub("z")]).await;
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = store.known_tokens(after.as_deref(), 2).await.unwrap();
            after = page.items.last().map(|token| token.jti.clone());
            seen.extend(page.items);
            if !page.more {
                break;
            }
        }
        let shown: Vec<_> = seen
            .iter()
            .map(|t| (t.jti.as_str(), t.issued.is_some(), t.revoked_at.is_some(), t.expires_at))
            .collect();
        assert_eq!(shown, [
            ("a", true, false, Some(END)),
            ("b", false, true, None),
            ("c", true, true, Some(END)),
            ("d", false, true, Some(END)),
            ("e", true, false, Some(END)),
        ]);
        let asked = ["c", "nobody", "a"].map(str::to_owned);
        let found = store.known_tokens_of(&asked).await.unwrap();
        assert_eq!(found.iter().map(|t| t.jti.as_str()).collect::<Vec<_>>(), ["c", "a"]);
    }

    async fn many_who_revoke_at_once_get_numbers_of_their_own(database: TestDatabase) {
        let mut revoking = JoinSet::new();
        for turn in 0..8 {
            let store = database.store.clone();
            revoking.spawn(async move {
                for number in 0..5 {
                    revoke(&store, vec![jti(&format!("{turn}-{number}")), sub("x")]).await;
                }
            });
        }
        revoking.join_all().await;
        assert_eq!(all(&database.store).await.len(), 41);
        assert_eq!(database.store.generations().await.unwrap().revocations, 80);
    }

    async fn a_list_as_long_as_a_request_may_have_is_revoked_as_one(database: TestDatabase) {
        let store = &database.store;
        let wanted = (0..1200).map(|number| jti(&format!("{number:04}"))).collect();
        assert_eq!(revoke(store, wanted).await.len(), 1200);
        assert_eq!(Raw::of(&database).await.count("revocations").await, 1200);
        let ids: Vec<String> = (0..1200).map(|number| format!("{number:04}")).collect();
        assert_eq!(store.known_tokens_of(&ids).await.unwrap().len(), 1200);
    }
}
