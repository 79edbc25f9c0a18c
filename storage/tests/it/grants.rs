//! Grants: an owner's own collections alone, all of a user's at once, batches all or none, and only what
//! counts is read for tokens.

use std::collections::BTreeSet;

use portolan_domain::{
    grants::{Grant, GrantLine},
    ids::{OwnerKey, UserName},
    repo::RepoSettings,
};
use portolan_storage::{
    BatchCounts, BatchLine, LineRefusal, NewRepo, StorageError, Store, both_engines,
    testing::TestDatabase,
};
use time::{OffsetDateTime, macros::datetime};

use crate::{
    raw::Raw,
    support::{by, create_owners, id},
};

/// Finer than what PostgreSQL keeps, and not in UTC.
const UNTIL: OffsetDateTime = datetime!(2027-01-01 02:00:00.123456789 +2);
const STABLE: &str = "org.acme.Stable";

both_engines! {
    async fn what_is_put_is_what_is_granted(database: TestDatabase) {
        let store = prepared(&database).await;
        let (acme, alice): (OwnerKey, UserName) = (id("acme"), id("alice"));
        let both = set(&[(STABLE, "app/a/*/stable", Some(UNTIL)), (STABLE, "app/b", None)]);
        let stored = store.put_grants(&acme, &alice, &both, &by()).await.unwrap();
        assert_eq!(store.grants_of(&acme, &alice).await.unwrap(), stored);
        assert_eq!(ends(&stored), [Some(datetime!(2027-01-01 00:00:00.123456 UTC)), None]);
        let raw = Raw::of(&database).await;
        let before = raw.everything().await;
        store.put_grants(&acme, &alice, &both, &by()).await.unwrap();
        assert_eq!(raw.everything().await, before, "the same again writes nothing");
        let one = set(&[(STABLE, "app/c", None)]);
        store.put_grants(&acme, &alice, &one, &by()).await.unwrap();
        assert_eq!(store.grants_of(&acme, &alice).await.unwrap(), one);
        assert!(store.delete_grants(&acme, &alice, &by()).await.unwrap());
        assert!(!store.delete_grants(&acme, &alice, &by()).await.unwrap());
        assert!(store.grants_of(&acme, &alice).await.unwrap().is_empty());
    }

    async fn another_owners_collection_is_not_granted(database: TestDatabase) {
        let store = prepared(&database).await;
        let before = Raw::of(&database).await.everything().await;
        for foreign in ["org.other.Stable", "org.nobody.Stable"] {
            let granted = set(&[(STABLE, "app/a", None), (foreign, "app/a", None)]);
            let refused = store.put_grants(&id("acme"), &id("alice"), &granted, &by()).await;
            assert!(matches!(refused, Err(StorageError::CollectionNotOwned(ref name))
                if name.as_str() == foreign), "{refused:?}");
            let lines = [("alice", STABLE, "app/a", None), ("alice", foreign, "app/a", None)];
            let refused = batch(&store, &lines, false).await;
            let named = LineRefusal::CollectionNotOwned(foreign.to_owned());
            assert!(matches!(refused, Err(StorageError::Line { line: 2, ref refusal })
                if *refusal == named), "{refused:?}");
        }
        assert_eq!(Raw::of(&database).await.everything().await, before);
    }

    async fn a_grant_counts_while_its_owner_has_the_collection(database: TestDatabase) {
        let store = prepared(&database).await;
        let alice: UserName = id("alice");
        let granted = set(&[(STABLE, "app/a", None)]);
        store.put_grants(&id("acme"), &alice, &granted, &by()).await.unwrap();
        let counts = async |only: Option<&[OwnerKey]>| {
            let of = BTreeSet::from([id(STABLE), id("org.other.Stable")]);
            store.grants_that_count(&alice, &of, only).await.unwrap().len()
        };
        assert_eq!(counts(None).await, 1);
        assert_eq!(counts(Some(&[id("acme"), id("other")])).await, 1);
        assert_eq!(counts(Some(&[id("other")])).await, 0);
        store.delete_repo(&id("acme"), &id("acme-repo"), &by()).await.unwrap();
        assert_eq!(counts(None).await, 0);
        // Whoever has the collection next gives away nothing by what stands there from before.
        repo(&store, "other", "taken", STABLE).await;
        assert_eq!(counts(None).await, 0);
        let own = store.collections_of(&[id("other")], &BTreeSet::from([id(STABLE)])).await.unwrap();
        assert_eq!(own.len(), 1);
    }

    async fn a_batch_creates_updates_and_removes(database: TestDatabase) {
        let store = prepared(&database).await;
        let first = [("alice", STABLE, "app/a", Some(UNTIL)), ("bob", STABLE, "app/a", None)];
        let done = batch(&store, &first, false).await.unwrap();
        assert_eq!(done, BatchCounts { created: 2, ..BatchCounts::default() });
        // What came in a batch is what would have come alone.
        let alone = set(&[(STABLE, "app/a", Some(UNTIL))]);
        let raw = Raw::of(&database).await;
        let before = raw.everything().await;
        store.put_grants(&id("acme"), &id("alice"), &alone, &by()).await.unwrap();
        let again = batch(&store, &first, true).await.unwrap();
        assert_eq!(again, BatchCounts { unchanged: 2, ..BatchCounts::default() });
        assert_eq!(raw.everything().await, before, "what did not change is not written");
        let next = [("alice", STABLE, "app/a", None), ("carol", STABLE, "app/b", None)];
        let done = batch(&store, &next, true).await.unwrap();
        assert_eq!(done, BatchCounts { created: 1, updated: 1, unchanged: 0, removed: 1 });
        let users = store.granted_users(&id("acme"), None, 1).await.unwrap();
        assert_eq!((users.items, users.more), (vec![id("alice")], true));
        let rest = store.granted_users(&id("acme"), Some(&id("alice")), 9).await.unwrap();
        assert_eq!((rest.items, rest.more), (vec![id("carol")], false));
        let gone = batch(&store, &[], true).await.unwrap();
        assert_eq!(gone, BatchCounts { removed: 2, ..BatchCounts::default() });
    }

    async fn a_grant_that_is_there_twice_is_named_by_its_line(database: TestDatabase) {
        let store = prepared(&database).await;
        let lines = [
            ("alice", STABLE, "app/a", None), ("bob", STABLE, "app/a", None),
            ("alice", STABLE, "app/a", Some(UNTIL)), ("alice", "org.nobody.X", "app/a", None),
        ];
        let refused = batch(&store, &lines, true).await;
        assert!(matches!(refused, Err(StorageError::Line { line: 3, refusal: LineRefusal::Twice { .. } })),
            "{refused:?}");
        assert_eq!(Raw::of(&database).await.count("grants").await, 0);
    }

    async fn grants_go_with_their_owner(database: TestDatabase) {
        let store = prepared(&database).await;
        batch(&store, &[("alice", STABLE, "app/a", None)], false).await.unwrap();
        store.delete_owner(&id("acme"), &by()).await.unwrap();
        assert_eq!(Raw::of(&database).await.count("grants").await, 0);
    }
}

/// Two owners, each with a repository.
async fn prepared(database: &TestDatabase) -> Store {
    let store = database.store.clone();
    create_owners(&store, &["acme", "other"]).await;
    repo(&store, "acme", "acme-repo", STABLE).await;
    repo(&store, "other", "other-repo", "org.other.Stable").await;
    store
}

async fn repo(store: &Store, owner: &str, name: &str, collection: &str) {
    let new = NewRepo {
        name: id(name),
        owner: id(owner),
        settings: RepoSettings {
            collection: id(collection),
            require_auth_for_token_types: BTreeSet::new(),
            default_token_type: portolan_domain::repo::TokenType::default(),
        },
    };
    store.put_repo(&new, &by()).await.unwrap();
}

type Of<'a> = (&'a str, &'a str, Option<OffsetDateTime>);

fn set(grants: &[Of]) -> BTreeSet<Grant> {
    let grant = |(collection, pattern, until): &Of| Grant {
        collection: id(collection),
        pattern: id(pattern),
        until: *until,
    };
    grants.iter().map(grant).collect()
}

fn ends(grants: &BTreeSet<Grant>) -> Vec<Option<OffsetDateTime>> {
    grants.iter().map(|grant| grant.until).collect()
}

async fn batch(
    store: &Store,
    lines: &[(&str, &str, &str, Option<OffsetDateTime>)],
    replace: bool,
) -> Result<BatchCounts, StorageError> {
    let mut open = store.begin_grant_batch(&id("acme")).await?;
    for (number, (user, collection, pattern, until)) in (1..).zip(lines) {
        let line = BatchLine {
            number,
            item: GrantLine {
                user: id(user),
                grants: set(&[(collection, pattern, *until)]),
            },
        };
        open.add(&[line]).await?;
    }
    open.finish(replace, &by()).await
}
