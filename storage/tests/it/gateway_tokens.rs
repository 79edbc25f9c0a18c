//! Who may log in to the gateway, and the tokens that are about.

use portolan_domain::gateway::NumberSet;
use portolan_storage::{
    HolderKind, NewGatewayToken, StorageError, Store, TokenPurpose, both_engines,
};
use time::{Duration, OffsetDateTime};

use crate::{raw::Raw, support::by};

async fn give(
    store: &Store,
    token: &str,
    purpose: TokenPurpose,
    holder: &str,
    expires_at: OffsetDateTime,
) {
    let new = NewGatewayToken {
        digest: store.gateway_token_digest(token).await.unwrap(),
        purpose,
        kind: HolderKind::User,
        holder,
        expires_at,
    };
    assert!(store.put_gateway_tokens(&[new], None).await.unwrap());
}

async fn holder(
    store: &Store,
    token: &str,
    purpose: TokenPurpose,
    now: OffsetDateTime,
) -> Option<String> {
    let digest = store.gateway_token_digest(token).await.unwrap();
    let token = store.gateway_token(digest, purpose, now).await.unwrap();
    token.map(|token| token.holder)
}

both_engines! {
    async fn a_token_counts_until_it_ends_and_for_its_purpose(database: TestDatabase) {
        let (store, now) = (&database.store, by().at);
        let ends = now + Duration::HOUR;
        give(store, "one", TokenPurpose::Access, "alice", ends).await;
        give(store, "two", TokenPurpose::Refresh, "alice", ends).await;
        assert_eq!(holder(store, "one", TokenPurpose::Access, now).await.as_deref(), Some("alice"));
        for (token, purpose, at) in [
            ("one", TokenPurpose::Refresh, now),
            ("two", TokenPurpose::Access, now),
            ("three", TokenPurpose::Access, now),
            ("one", TokenPurpose::Access, ends),
        ] {
            assert_eq!(holder(store, token, purpose, at).await, None, "{token}");
        }
        // An authority may give one twice.
        give(store, "one", TokenPurpose::Access, "alice", ends + Duration::HOUR).await;
        assert!(holder(store, "one", TokenPurpose::Access, ends).await.is_some());
        // But not to somebody else.
        let to_bob = NewGatewayToken {
            digest: store.gateway_token_digest("one").await.unwrap(),
            purpose: TokenPurpose::Access,
            kind: HolderKind::User,
            holder: "bob",
            expires_at: ends + Duration::DAY,
        };
        let to_host = NewGatewayToken { kind: HolderKind::Host, holder: "alice", ..to_bob };
        for other in [to_bob, to_host] {
            assert!(!store.put_gateway_tokens(&[other], None).await.unwrap());
        }
        assert_eq!(holder(store, "one", TokenPurpose::Access, ends).await.as_deref(), Some("alice"));
        store.forget_gateway_tokens(ends).await.unwrap();
        assert!(holder(store, "one", TokenPurpose::Access, now).await.is_some());
        assert_eq!(holder(store, "two", TokenPurpose::Refresh, now).await, None);
    }

    async fn no_token_is_in_the_database(database: TestDatabase) {
        let store = &database.store;
        give(store, "a-very-secret-token", TokenPurpose::Access, "alice", by().at + Duration::HOUR).await;
        let raw = Raw::of(&database).await.contents().await;
        let plain = portolan_domain::digest::Sha256Digest::of(b"a-very-secret-token").to_string();
        let keyed = store.gateway_token_digest("a-very-secret-token").await.unwrap().to_string();
        let raw = format!("{raw:?}").to_lowercase();
        let hex = |text: &str| {
            let bytes: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            bytes.concat()
        };
        assert!(raw.contains(&hex(&keyed)));
        assert!(!raw.contains(&hex("a-very-secret-token")) && !raw.contains(&hex(&plain)));
    }

    async fn a_new_password_ends_what_was_given_before(database: TestDatabase) {
        let (store, now) = (&database.store, by().at);
        let before = store.generations().await.unwrap();
        store.put_gateway_account("alice", "hash-1", &by()).await.unwrap();
        store.put_gateway_account("bob", "hash-2", &by()).await.unwrap();
        give(store, "hers", TokenPurpose::Access, "alice", now + Duration::HOUR).await;
        give(store, "his", TokenPurpose::Refresh, "bob", now + Duration::HOUR).await;
        store.put_gateway_account("alice", "hash-3", &by()).await.unwrap();
        assert_eq!(store.gateway_password_hash("alice").await.unwrap().as_deref(), Some("hash-3"));
        assert_eq!(holder(store, "hers", TokenPurpose::Access, now).await, None);
        assert!(holder(store, "his", TokenPurpose::Refresh, now).await.is_some());
        store.delete_gateway_account("bob", &by()).await.unwrap();
        assert_eq!(holder(store, "his", TokenPurpose::Refresh, now).await, None);
        assert_eq!(store.gateway_password_hash("bob").await.unwrap(), None);
        let gone = store.delete_gateway_account("bob", &by()).await;
        assert!(matches!(gone, Err(StorageError::NotFound { .. })), "{gone:?}");
        let names: Vec<String> = store.gateway_accounts().await.unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["alice"]);
        let after = store.generations().await.unwrap();
        assert_eq!(after.gateway_logins, before.gateway_logins + 4);
        assert_eq!(after.gateway, before.gateway);
    }

    async fn a_password_that_was_changed_meanwhile_gives_nothing(database: TestDatabase) {
        let (store, now) = (&database.store, by().at);
        store.put_gateway_account("alice", "hash-1", &by()).await.unwrap();
        let digest = store.gateway_token_digest("token").await.unwrap();
        let new = NewGatewayToken {
            digest,
            purpose: TokenPurpose::Access,
            kind: HolderKind::User,
            holder: "alice",
            expires_at: now + Duration::HOUR,
        };
        for (account, given) in [(("alice", "hash-2"), false), (("bob", "hash-1"), false), (("alice", "hash-1"), true)] {
            assert_eq!(store.put_gateway_tokens(&[new], Some(account)).await.unwrap(), given);
            let found = store.gateway_token(digest, TokenPurpose::Access, now).await.unwrap();
            assert_eq!(found.is_some(), given);
        }
    }

    async fn users_are_those_who_hold_log_in_or_are_logged_in(database: TestDatabase) {
        let (store, now) = (&database.store, by().at);
        assert!(store.gateway_users(now).await.unwrap().is_empty());
        let numbers: NumberSet = [1, 2].into_iter().collect();
        store.put_gateway_user("holds", &numbers, &by()).await.unwrap();
        store.put_gateway_account("logs-in", "hash", &by()).await.unwrap();
        give(store, "token", TokenPurpose::Access, "has-a-token", now + Duration::HOUR).await;
        give(store, "old", TokenPurpose::Access, "had-a-token", now).await;
        let users: Vec<String> = store.gateway_users(now).await.unwrap().into_iter().collect();
        assert_eq!(users, ["has-a-token", "holds", "logs-in"]);
        let changes = store.gateway_changes(-1).await.unwrap();
        assert_eq!(changes.users, [("holds".to_owned(), Some(numbers))]);
    }
}
