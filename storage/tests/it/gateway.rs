//! What the container gateway is fed: whole lists, one after the other, read as they are at one moment.

use portolan_domain::gateway::MappingFeed;
use portolan_storage::{FedRepositories, GatewaySnapshot, HolderKind, Others, Store, both_engines};

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

/// The names of the listed repositories that somebody has.
fn names(snapshot: &GatewaySnapshot, user: &str) -> Vec<String> {
    let set = snapshot.users.get(user).cloned().unwrap_or_default();
    let held = snapshot
        .repositories
        .iter()
        .filter(|one| set.contains(one.number));
    held.map(|one| one.name.clone()).collect()
}

both_engines! {
    async fn a_list_replaces_the_one_before(database: TestDatabase) {
        let store = &database.store;
        list(store, &[("b/b", true), ("a/a", false), ("c", true)]).await;
        let before = store.gateway_snapshot().await.unwrap();
        let shown: Vec<_> = before.repositories.iter().map(|one| (one.name.as_str(), one.auth_required)).collect();
        assert_eq!(shown, [("a/a", false), ("b/b", true), ("c", true)]);
        list(store, &[("b/b", false), ("d", true)]).await;
        let after = store.gateway_snapshot().await.unwrap();
        let shown: Vec<_> = after.repositories.iter().map(|one| (one.name.as_str(), one.auth_required)).collect();
        assert_eq!(shown, [("b/b", false), ("d", true)]);
        assert_eq!(after.repositories[0].number, before.repositories[1].number);
        assert_eq!(after.generation, before.generation + 1);
        list(store, &[]).await;
        assert_eq!(store.gateway_snapshot().await.unwrap().repositories, []);
    }

    async fn whoever_is_not_named_has_nothing(database: TestDatabase) {
        let store = &database.store;
        list(store, &[("a", true), ("b", true), ("c", true)]).await;
        users(store, &[("alice", &["a", "b"]), ("bob", &["b", "c"]), ("carol", &[])]).await;
        let snapshot = store.gateway_snapshot().await.unwrap();
        assert_eq!(names(&snapshot, "alice"), ["a", "b"]);
        assert_eq!(names(&snapshot, "bob"), ["b", "c"]);
        assert_eq!((names(&snapshot, "carol"), snapshot.users.len()), (vec![], 3));
        users(store, &[("alice", &["c"])]).await;
        let snapshot = store.gateway_snapshot().await.unwrap();
        assert_eq!((names(&snapshot, "alice"), snapshot.users.len()), (vec!["c".to_owned()], 1));
        // A repository that goes and comes back is what it was to those who have it.
        list(store, &[("a", true)]).await;
        assert_eq!(names(&store.gateway_snapshot().await.unwrap(), "alice"), [""; 0]);
        list(store, &[("b", true), ("c", true)]).await;
        assert_eq!(names(&store.gateway_snapshot().await.unwrap(), "alice"), ["c"]);
        // One that no list named is listed with its holder.
        users(store, &[("alice", &["new"])]).await;
        let snapshot = store.gateway_snapshot().await.unwrap();
        assert_eq!((names(&snapshot, "alice"), snapshot.repositories.len()), (vec!["new".to_owned()], 3));
    }

    async fn some_hosts_can_be_fed_without_the_others(database: TestDatabase) {
        let store = &database.store;
        let put = async |of: &[(&str, &[&str])], others| {
            store.put_gateway_holders(HolderKind::Host, &holders(of), others, &by()).await.unwrap();
        };
        put(&[("h1", &["a"]), ("h2", &["b"])], Others::Removed).await;
        put(&[("h2", &["c"]), ("h3", &["a"])], Others::Kept).await;
        let snapshot = store.gateway_snapshot().await.unwrap();
        let mut hosts: Vec<_> = snapshot.hosts.iter().map(|(uuid, set)| (uuid.as_str(), set.iter().count())).collect();
        hosts.sort_unstable();
        assert_eq!(hosts, [("h1", 1), ("h2", 1), ("h3", 1)]);
        assert_ne!(snapshot.hosts["h1"], snapshot.hosts["h2"]);
        assert!(snapshot.users.is_empty(), "a host is no user");
        put(&[], Others::Removed).await;
        assert!(store.gateway_snapshot().await.unwrap().hosts.is_empty());
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
        // `b` is told with a token by its holder, and without one by the list: the last word counts.
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
        let snapshot = store.gateway_snapshot().await.unwrap();
        let other = snapshot.users.keys().find(|name| *name != "alice").unwrap();
        let n = "wxyz".find(other.as_str()).unwrap();
        let mut expected: Vec<String> = names[n * 50..n * 50 + 50].iter().map(|name| (*name).to_owned()).collect();
        expected.sort_unstable();
        assert_eq!((names_of(&snapshot), snapshot.users.len()), (expected, 2));
        assert_eq!(snapshot.generation, 4);
    }
}

fn names_of(snapshot: &GatewaySnapshot) -> Vec<String> {
    names(snapshot, "alice")
}
