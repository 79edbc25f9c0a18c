//! Credentials: found by what a caller shows alone, bound to owners, ended, revoked by name.

use portolan_domain::{digest::Sha256Digest, ids::OwnerKey};
use portolan_storage::{
    Credential, CredentialKind, Identity, Lookup, NewCredential, Role, SharedSecret, StorageError,
    Store, both_engines,
};
use time::Duration;

use crate::{
    raw::Raw,
    support::{NOW, by, create_owners, id},
};

both_engines! {
    async fn a_key_is_found_by_its_digest_alone(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["a", "b", "c"]).await;
        let owners = [id("b"), id("a")];
        let created = store.create_credential(&key("ci", &owners), &by()).await.unwrap();
        assert_eq!((created.name.as_str(), created.role), ("ci", Role::Manager));
        assert_eq!(created.owners, [id("a"), id("b")]);
        assert_eq!(found(store, "ci").await, Some(created));
        assert_eq!(found(store, "another").await, None);
    }

    async fn every_role_is_read_back(database: TestDatabase) {
        let store = &database.store;
        for role in Role::ALL {
            let key = NewCredential { role, ..key(role.as_str(), &[]) };
            store.create_credential(&key, &by()).await.unwrap();
            let found = found(store, role.as_str()).await.unwrap();
            assert_eq!((found.role, found.owners.len()), (role, 0));
        }
    }

    async fn keys_are_listed_by_name(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        let bound = [id("acme")];
        let second = store.create_credential(&key("b", &bound), &by()).await.unwrap();
        let first = store.create_credential(&key("a", &[]), &by()).await.unwrap();
        assert_eq!(store.credentials().await.unwrap(), [first, second]);
    }

    async fn a_taken_name_changes_nothing(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        store.create_credential(&key("ci", &[]), &by()).await.unwrap();
        let raw = Raw::of(&database).await;
        let before = raw.contents().await;
        let (owners, sha256) = ([id("acme")], digest("another"));
        let again = NewCredential { identity: Identity::ApiKey { sha256 }, ..key("ci", &owners) };
        let taken = store.create_credential(&again, &by()).await.unwrap_err();
        assert!(
            matches!(&taken, StorageError::Taken { what: "credential", name } if name == "ci"),
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
        store.create_credential(&key("ci", &owners), &by()).await.unwrap();
        store.revoke_credential("ci", &by()).await.unwrap();
        assert_eq!(found(store, "ci").await, None);
        assert_eq!(raw.contents().await, before);
        let again = store.revoke_credential("ci", &by()).await.unwrap_err();
        assert!(matches!(again, StorageError::NotFound { what: "credential", .. }), "{again:?}");
    }

    async fn a_bound_key_without_its_owners_counts_for_nobody(database: TestDatabase) {
        // What a reader sees between the two deletions of a revocation.
        let store = &database.store;
        create_owners(store, &["a"]).await;
        store.create_credential(&key("ci", &[id("a")]), &by()).await.unwrap();
        Raw::of(&database).await.run("DELETE FROM api_key_owners").await;
        assert_eq!(found(store, "ci").await, None);
        assert_eq!(store.credentials().await.unwrap(), []);
    }

    async fn an_unknown_owner_leaves_no_key(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        let raw = Raw::of(&database).await;
        let before = raw.contents().await;
        let owners = [id("acme"), id("nobody")];
        let refused = store.create_credential(&key("ci", &owners), &by()).await.unwrap_err();
        assert!(
            matches!(&refused, StorageError::NotFound { what: "owner", name } if name == "nobody"),
            "{refused:?}"
        );
        assert_eq!(raw.contents().await, before);
        store.create_credential(&key("ci", &owners[..1]), &by()).await.unwrap();
    }

    async fn an_owner_named_twice_is_bound_once(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        let owners = [id("acme"), id("acme")];
        let created = store.create_credential(&key("ci", &owners), &by()).await.unwrap();
        assert_eq!(created.owners, [id("acme")]);
    }

    async fn each_kind_is_found_by_its_own_digest_alone(database: TestDatabase) {
        let store = &database.store;
        let text = digest("x").to_string();
        let identities = [
            ("key", Identity::ApiKey { sha256: digest("x") }),
            ("oauth", Identity::OAuth { key: &text, secret: "shhhhh" }),
            ("certificate", Identity::Certificate { sha256: digest("y") }),
            ("subject", Identity::Subject { name: &text }),
        ];
        for (name, identity) in identities {
            let new = NewCredential { identity, ..key(name, &[]) };
            store.create_credential(&new, &by()).await.unwrap();
        }
        let lookups = [
            (Lookup::api_key(digest("x")), Some("key"), None),
            (Lookup::oauth(&text), Some("oauth"), Some("shhhhh")),
            (Lookup::certificate(digest("y")), Some("certificate"), None),
            (Lookup::subject(&text), Some("subject"), None),
            // What one kind shows finds no other.
            (Lookup::api_key(digest("y")), None, None),
            (Lookup::certificate(digest("x")), None, None),
            (Lookup { kind: CredentialKind::ApiKey, ..Lookup::oauth(&text) }, None, None),
            (Lookup { kind: CredentialKind::OAuth, ..Lookup::subject(&text) }, None, None),
        ];
        for (lookup, name, secret) in lookups {
            let found = store.credential(lookup).await.unwrap();
            let shown = found.as_ref().map(|(credential, _)| credential.name.as_str());
            assert_eq!(shown, name, "{lookup:?}");
            let kept = found.as_ref().and_then(|(_, secret)| secret.as_ref());
            assert_eq!(kept.map(SharedSecret::expose), secret, "{lookup:?}");
            assert!(!format!("{found:?}").contains("shhhhh"));
        }
    }

    async fn an_end_and_the_last_use_are_kept(database: TestDatabase) {
        let store = &database.store;
        let ends = NOW + Duration::DAY;
        let new = NewCredential { expires_at: Some(ends), ..key("ci", &[]) };
        let created = store.create_credential(&new, &by()).await.unwrap();
        let ends = created.expires_at.unwrap();
        assert_eq!(ends, (NOW + Duration::DAY).truncate_to_microsecond());
        assert!(created.counts_at(ends - Duration::MICROSECOND));
        assert!(!created.counts_at(ends), "it ends at its end");
        assert_eq!(created.last_used_at, None);

        let later = NOW + Duration::HOUR;
        store.note_uses(&[(created.id, later)]).await.unwrap();
        // Another node's older news changes nothing.
        store.note_uses(&[(created.id, NOW)]).await.unwrap();
        let used = found(store, "ci").await.unwrap().last_used_at;
        assert_eq!(used, Some(later.truncate_to_microsecond()));
        assert_eq!(store.credentials().await.unwrap()[0].last_used_at, used);
    }

    async fn a_nonce_is_taken_once_by_all_nodes(database: TestDatabase) {
        let store = &database.store;
        let (end, later) = (NOW + Duration::MINUTE, NOW + Duration::HOUR);
        let mut takers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = store.clone();
            takers.spawn(async move { store.take_nonce(digest("n"), end).await.unwrap() });
        }
        let taken = takers.join_all().await.into_iter().filter(|taken| *taken).count();
        assert_eq!(taken, 1);
        store.forget_nonces(NOW).await.unwrap();
        assert!(!store.take_nonce(digest("n"), end).await.unwrap(), "it counts still");
        store.forget_nonces(later).await.unwrap();
        assert!(store.take_nonce(digest("n"), end).await.unwrap());
    }
}

async fn found(store: &Store, name: &str) -> Option<Credential> {
    let found = store
        .credential(Lookup::api_key(digest(name)))
        .await
        .unwrap();
    found.map(|(credential, _)| credential)
}

fn digest(name: &str) -> Sha256Digest {
    Sha256Digest::of(format!("the secret of {name}").as_bytes())
}

fn key<'a>(name: &'a str, owners: &'a [OwnerKey]) -> NewCredential<'a> {
    NewCredential {
        name,
        identity: Identity::ApiKey {
            sha256: digest(name),
        },
        role: Role::Manager,
        owners,
        expires_at: None,
    }
}
