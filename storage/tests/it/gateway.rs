//! What the container gateway is fed: whole lists, one after the other, read as they are at one moment.

use std::collections::BTreeSet;

use portolan_domain::gateway::{Directory, MappingFeed, Subject};
use portolan_storage::{FedRepositories, HolderKind, Others, Store, both_engines};
use serde_json::{Value, json};

use crate::{raw::Raw, support::by};

fn fed(names: &[(&str, bool)]) -> FedRepositories {
    names
        .iter()
        .map(|(name, auth)| ((*name).to_owned(), *auth))
        .collect()
}

fn holders(of: &[(&str, &[&str])]) -> MappingFeed {
    let repository = |name: &&str| json!({ "repository": name, "auth_required": true });
    let of: Vec<Value> = of
        .iter()
        .map(|(holder, names)| json!({ *holder: names.iter().map(repository).collect::<Vec<_>>() }))
        .collect();
    let json = json!({ "users": of }).to_string();
    MappingFeed::read(json.as_bytes(), "users").unwrap()
}

async fn list(store: &Store, names: &[(&str, bool)]) {
    store
        .put_gateway_repositories(&fed(names), &by())
        .await
        .unwrap();
}

async fn users(store: &Store, of: &[(&str, &[&str])]) {
    let of = holders(of);
    store
        .put_gateway_holders(HolderKind::User, &of, Others::Removed, &by())
        .await
        .unwrap();
}

/// All of it, as a node reads it that knows nothing yet.
async fn directory(store: &Store) -> Directory {
    Directory::default().with(store.gateway_changes(-1).await.unwrap())
}

fn names(directory: &Directory, subject: &Subject) -> Vec<String> {
    directory
        .names(subject, None)
        .map(ToOwned::to_owned)
        .collect()
}

fn user(name: &str) -> Subject {
    Subject::User(name.into())
}

both_engines! {
    async fn a_list_replaces_the_one_before(database: TestDatabase) {
        let store = &database.store;
        list(store, &[("b/b", true), ("a/a", false), ("c", true)]).await;
        users(store, &[("alice", &["b/b", "c"])]).await;
        let before = directory(store).await;
        assert_eq!(names(&before, &user("alice")), ["a/a", "b/b", "c"]);
        assert_eq!(names(&before, &Subject::Anybody), ["a/a"]);
        list(store, &[("b/b", false), ("d", true)]).await;
        let after = directory(store).await;
        assert_eq!(names(&after, &user("alice")), ["b/b"]);
        assert_eq!(names(&after, &Subject::Anybody), ["b/b"]);
        assert_eq!(after.generation(), before.generation() + 1);
        list(store, &[]).await;
        assert_eq!(names(&directory(store).await, &user("alice")), [""; 0]);
        // What goes and comes back is what it was to those who have it.
        list(store, &[("c", true)]).await;
        assert_eq!(names(&directory(store).await, &user("alice")), ["c"]);
    }

    async fn whoever_is_not_named_has_nothing(database: TestDatabase) {
        let store = &database.store;
        list(store, &[("a", true), ("b", true), ("c", true)]).await;
        users(store, &[("alice", &["a", "b"]), ("bob", &["b", "c"]), ("carol", &[])]).await;
        let all = directory(store).await;
        assert_eq!(names(&all, &user("alice")), ["a", "b"]);
        assert_eq!(names(&all, &user("bob")), ["b", "c"]);
        assert!(all.of_user("carol").is_some() && names(&all, &user("carol")).is_empty());
        users(store, &[("alice", &["c"])]).await;
        let all = directory(store).await;
        assert_eq!(names(&all, &user("alice")), ["c"]);
        assert!(all.of_user("bob").is_none() && all.of_user("carol").is_none());
        // One that nobody has named is listed with its holder; others stay as the list says, dropped ones too.
        list(store, &[("a", false), ("c", true)]).await;
        users(store, &[("alice", &["new", "a", "b"])]).await;
        let all = directory(store).await;
        assert_eq!(names(&all, &user("alice")), ["a", "new"]);
        assert_eq!(names(&all, &Subject::Anybody), ["a"]);
    }

    async fn some_hosts_can_be_fed_without_the_others(database: TestDatabase) {
        let store = &database.store;
        let put = async |of: &[(&str, &[&str])], others| {
            store.put_gateway_holders(HolderKind::Host, &holders(of), others, &by()).await.unwrap();
        };
        put(&[("h1", &["a"]), ("h2", &["b"])], Others::Removed).await;
        put(&[("h2", &["c"]), ("h3", &["a"])], Others::Kept).await;
        let has = |directory: &Directory| {
            ["h1", "h2", "h3", "h4"].map(|uuid| names(directory, &Subject::Host(uuid.into())).join(" "))
        };
        assert_eq!(has(&directory(store).await), ["a", "c", "a", ""]);
        assert_eq!(names(&directory(store).await, &user("h1")), [""; 0], "a host is no user");
        // The list of hosts says who is there, and not what he has.
        let listed: BTreeSet<String> = ["h2", "h4"].map(ToOwned::to_owned).into();
        store.put_gateway_hosts(&listed, &by()).await.unwrap();
        assert_eq!(has(&directory(store).await), ["", "c", "", ""]);
        put(&[], Others::Removed).await;
        assert_eq!(has(&directory(store).await), [""; 4]);
    }

    async fn a_node_reads_what_has_changed_and_nothing_else(database: TestDatabase) {
        let store = &database.store;
        list(store, &[("a", true), ("b", true), ("open", false)]).await;
        users(store, &[("alice", &["a"]), ("bob", &["b"]), ("carol", &["a", "b"])]).await;
        let mut known = directory(store).await;
        // Of three users one changes, one goes, and one stays.
        users(store, &[("alice", &["a", "b"]), ("carol", &["b", "a"])]).await;
        let changes = store.gateway_changes(known.generation()).await.unwrap();
        let mut changed: Vec<_> = changes.users.iter().map(|(name, set)| (name.as_str(), set.is_some())).collect();
        changed.sort_unstable();
        assert_eq!((changed, changes.repositories.len()), (vec![("alice", true), ("bob", false)], 0));
        known = known.with(changes);
        list(store, &[("a", true), ("open", false), ("c", false)]).await;
        let changes = store.gateway_changes(known.generation()).await.unwrap();
        let mut changed: Vec<_> = changes.repositories.iter().map(|one| (one.name.as_str(), one.listed)).collect();
        changed.sort_unstable();
        assert_eq!((changed, changes.users.len()), (vec![("b", false), ("c", true)], 0));
        known = known.with(changes);
        let anew = directory(store).await;
        for name in ["alice", "bob", "carol", "nobody"] {
            assert_eq!(names(&known, &user(name)), names(&anew, &user(name)), "{name}");
        }
        assert_eq!(known.generation(), anew.generation());
        let none = store.gateway_changes(known.generation()).await.unwrap();
        assert!(none.repositories.is_empty() && none.users.is_empty() && none.hosts.is_empty());
    }

    async fn the_same_again_writes_no_row(database: TestDatabase) {
        let store = &database.store;
        let raw = Raw::of(&database).await;
        let feed = async || {
            list(store, &[("a", true), ("b", false)]).await;
            users(store, &[("alice", &["a"]), ("bob", &["b"])]).await;
        };
        feed().await;
        let before = raw.contents().await;
        feed().await;
        assert_eq!(raw.contents().await, before);
    }

    async fn feeds_at_once_leave_one_of_them_whole(database: TestDatabase) {
        let store = &database.store;
        let names: Vec<String> = (0..300).map(|n| format!("r/{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let feeds = (0..4).map(|n| {
            let of = holders(&[("alice", &names[n * 50..n * 50 + 50]), (["w", "x", "y", "z"][n], &names)]);
            let store = store.clone();
            async move {
                store.put_gateway_holders(HolderKind::User, &of, Others::Removed, &by()).await.unwrap();
            }
        });
        futures_util::future::join_all(feeds).await;
        let all = directory(store).await;
        let there: Vec<usize> = (0..4).filter(|n| all.of_user(["w", "x", "y", "z"][*n]).is_some()).collect();
        let [n] = there[..] else { panic!("{there:?} at once") };
        let mut expected: Vec<&str> = names[n * 50..n * 50 + 50].to_vec();
        expected.sort_unstable();
        assert_eq!(self::names(&all, &user("alice")), expected);
        assert_eq!(all.generation(), 4);
    }
}
