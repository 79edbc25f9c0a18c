//! API keys: found by the digest of their secret alone, bound to owners, revoked by name.

use portolan_domain::{digest::Sha256Digest, ids::OwnerKey};
use portolan_storage::{NewApiKey, Role, StorageError, both_engines};

use crate::{
    raw::Raw,
    support::{NOW, create_owners, id},
};

both_engines! {
    async fn a_key_is_found_by_its_digest_alone(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["a", "b", "c"]).await;
        let owners = [id("b"), id("a")];
        let created = store.create_api_key(&key("ci", &owners), NOW).await.unwrap();
        assert_eq!((created.name.as_str(), created.role), ("ci", Role::Manager));
        assert_eq!(created.owners, [id("a"), id("b")]);
        assert_eq!(store.api_key(digest("ci")).await.unwrap(), Some(created));
        assert_eq!(store.api_key(digest("another")).await.unwrap(), None);
    }

    async fn every_role_is_read_back(database: TestDatabase) {
        let store = &database.store;
        for role in Role::ALL {
            let key = NewApiKey { role, ..key(role.as_str(), &[]) };
            store.create_api_key(&key, NOW).await.unwrap();
            let found = store.api_key(key.secret_sha256).await.unwrap().unwrap();
            assert_eq!((found.role, found.owners.len()), (role, 0));
        }
    }

    async fn keys_are_listed_by_name(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        let bound = [id("acme")];
        let second = store.create_api_key(&key("b", &bound), NOW).await.unwrap();
        let first = store.create_api_key(&key("a", &[]), NOW).await.unwrap();
        assert_eq!(store.api_keys().await.unwrap(), [first, second]);
    }

    async fn a_taken_name_changes_nothing(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        store.create_api_key(&key("ci", &[]), NOW).await.unwrap();
        let raw = Raw::of(&database).await;
        let before = raw.contents().await;
        let (owners, secret_sha256) = ([id("acme")], digest("another"));
        let again = NewApiKey { secret_sha256, ..key("ci", &owners) };
        let taken = store.create_api_key(&again, NOW).await.unwrap_err();
        assert!(
            matches!(&taken, StorageError::Taken { what: "API key", name } if name == "ci"),
            "{taken:?}"
        );
        assert_eq!(raw.contents().await, before);
    }

    async fn a_revoked_key_is_gone(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        let raw = Raw::of(&database).await;
        let before = raw.contents().await;
        let owners = [id("acme")];
        store.create_api_key(&key("ci", &owners), NOW).await.unwrap();
        store.revoke_api_key("ci").await.unwrap();
        assert_eq!(store.api_key(digest("ci")).await.unwrap(), None);
        assert_eq!(raw.contents().await, before);
        let again = store.revoke_api_key("ci").await.unwrap_err();
        assert!(matches!(again, StorageError::NotFound { what: "API key", .. }), "{again:?}");
    }

    async fn a_bound_key_without_its_owners_counts_for_nobody(database: TestDatabase) {
        // What a reader sees between the two deletions of a revocation.
        let store = &database.store;
        create_owners(store, &["a"]).await;
        store.create_api_key(&key("ci", &[id("a")]), NOW).await.unwrap();
        Raw::of(&database).await.run("DELETE FROM api_key_owners").await;
        assert_eq!(store.api_key(digest("ci")).await.unwrap(), None);
        assert_eq!(store.api_keys().await.unwrap(), []);
    }

    async fn an_unknown_owner_leaves_no_key(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        let raw = Raw::of(&database).await;
        let before = raw.contents().await;
        let owners = [id("acme"), id("nobody")];
        let refused = store.create_api_key(&key("ci", &owners), NOW).await.unwrap_err();
        assert!(
            matches!(&refused, StorageError::NotFound { what: "owner", name } if name == "nobody"),
            "{refused:?}"
        );
        assert_eq!(raw.contents().await, before);
        store.create_api_key(&key("ci", &owners[..1]), NOW).await.unwrap();
    }

    async fn an_owner_named_twice_is_bound_once(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        let owners = [id("acme"), id("acme")];
        let created = store.create_api_key(&key("ci", &owners), NOW).await.unwrap();
        assert_eq!(created.owners, [id("acme")]);
    }
}

fn digest(name: &str) -> Sha256Digest {
    Sha256Digest::of(format!("the secret of {name}").as_bytes())
}

fn key<'a>(name: &'a str, owners: &'a [OwnerKey]) -> NewApiKey<'a> {
    NewApiKey {
        name,
        role: Role::Manager,
        owners,
        secret_sha256: digest(name),
    }
}
