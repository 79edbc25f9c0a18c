//! Keys that sign tokens: sealed, one that signs for each purpose, and gone when they are retired.

use portolan_domain::token::{
    TokenAlgorithm::{self, Es256, Hs256},
    TokenKeyPair, TokenKind, TokenSecret,
};
use portolan_storage::{IssuedToken, KeyState, KeyTurn, StorageError, both_engines};
use time::Duration;

use crate::{
    raw::{Raw, places_of},
    support::by,
};

fn key(algorithm: TokenAlgorithm) -> TokenKeyPair {
    TokenKeyPair::generate(algorithm).unwrap()
}

both_engines! {
    async fn a_secret_is_sealed_opens_after_a_rotation_and_goes(database: TestDatabase) {
        let store = &database.store;
        let secret = TokenSecret::new(b"a secret that nobody may find".to_vec());
        let shared = TokenKeyPair::from_secret(secret).unwrap();
        store.add_token_key(TokenKind::FlatManager, &shared, KeyTurn::Add, &by()).await.unwrap();
        let raw = Raw::of(&database).await;
        let contents = raw.everything().await;
        assert_eq!(places_of(&contents, "a secret that nobody may find"), Vec::<String>::new());
        store.rotate_master_key(&by()).await.unwrap();
        let read = store.token_keys().await.unwrap();
        let opened = read.keys[0].secret.as_ref().unwrap();
        assert_eq!(opened.expose(), b"a secret that nobody may find");
        // Under another name it does not open.
        raw.run("UPDATE signing_keys SET kid = 'other'").await;
        let moved = store.token_keys().await;
        assert!(matches!(moved, Err(StorageError::Corrupt { .. })), "{moved:?}");
        let kid = &shared.kid;
        raw.run(&format!("UPDATE signing_keys SET kid = '{kid}'")).await;
        store.retire_token_key(kid, &by()).await.unwrap();
        assert!(store.token_keys().await.unwrap().keys.is_empty());
        assert_eq!(raw.count("signing_keys WHERE length(key_sealed) > 0").await, 0);
        assert_eq!(store.retire_token_key(kid, &by()).await.unwrap().state, KeyState::Retired);
    }

    async fn of_each_purpose_one_key_signs(database: TestDatabase) {
        let store = &database.store;
        let none = store.add_token_key(TokenKind::Access, &key(Es256), KeyTurn::Rotate, &by()).await;
        assert!(matches!(none, Err(StorageError::NotFound { .. })), "{none:?}");
        let (first, second, third) = (key(Es256), key(TokenAlgorithm::EdDsa), key(Es256));
        let before = store.generations().await.unwrap();
        assert!(store.add_token_key(TokenKind::Access, &first, KeyTurn::IfNone, &by()).await.unwrap());
        assert!(!store.add_token_key(TokenKind::Access, &third, KeyTurn::IfNone, &by()).await.unwrap());
        assert!(store.add_token_key(TokenKind::Access, &second, KeyTurn::Add, &by()).await.unwrap());
        let after = store.generations().await.unwrap();
        // What changed nothing was not told.
        assert_eq!(after.signing_keys, before.signing_keys + 2);
        assert_eq!(after.credentials, before.credentials);
        let read = store.token_keys().await.unwrap();
        assert_eq!(read.generation, after.signing_keys);
        for key in &read.keys {
            assert_eq!(key.is_active, key.kid == second.kid);
            // What only verifies needs no secret.
            assert_eq!(key.secret.is_some(), key.is_active);
        }
        for kind in [TokenKind::Access, TokenKind::RefToken] {
            let again = store.add_token_key(kind, &first, KeyTurn::Add, &by()).await;
            assert!(matches!(again, Err(StorageError::Taken { .. })), "{again:?}");
        }
        let signing: Vec<_> = store.token_keys().await.unwrap().keys;
        assert_eq!(signing.iter().filter(|key| key.is_active).count(), 1);
        let unknown = store.retire_token_key("unknown", &by()).await;
        assert!(matches!(unknown, Err(StorageError::NotFound { .. })), "{unknown:?}");
    }

    async fn nodes_that_need_a_key_at_once_make_one(database: TestDatabase) {
        let mut nodes = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = database.store.clone();
            nodes.spawn(async move {
                store.add_token_key(TokenKind::Access, &key(Es256), KeyTurn::IfNone, &by()).await
            });
        }
        let made = nodes.join_all().await;
        assert_eq!(made.iter().filter(|made| *made.as_ref().unwrap()).count(), 1, "{made:?}");
        assert_eq!(database.store.list_signing_keys().await.unwrap().len(), 1);
    }

    async fn shared_secrets_are_read_for_as_long_as_they_verify(database: TestDatabase) {
        let store = &database.store;
        for _ in 0..2 {
            store.add_token_key(TokenKind::FlatManager, &key(Hs256), KeyTurn::Add, &by()).await.unwrap();
        }
        let keys = store.token_keys().await.unwrap().keys;
        assert!(keys.iter().all(|key| key.secret.is_some() && key.public_pem.is_none()));
        assert_eq!(keys.iter().filter(|key| key.is_active).count(), 1);
    }

    async fn tokens_made_by_hand_are_known_until_they_end(database: TestDatabase) {
        let store = &database.store;
        let token = |jti: &str, lasts: Duration| IssuedToken {
            jti: jti.to_owned(),
            name: "name".to_owned(),
            sub: "build".to_owned(),
            created_at: by().at,
            expires_at: by().at + lasts,
        };
        let long = token("long", Duration::HOUR);
        store.note_token(&long, &by()).await.unwrap();
        store.note_token(&token("short", Duration::SECOND), &by()).await.unwrap();
        let again = store.note_token(&long, &by()).await;
        assert!(matches!(again, Err(StorageError::Taken { .. })), "{again:?}");
        let wanted = ["long", "short", "unknown"].map(str::to_owned);
        assert_eq!(store.issued_tokens(&wanted).await.unwrap().len(), 2);
        let mut later = by();
        later.at += Duration::MINUTE;
        store.note_token(&token("next", Duration::HOUR), &later).await.unwrap();
        let left = store.issued_tokens(&wanted).await.unwrap();
        let ids: Vec<&str> = left.iter().map(|token| &*token.jti).collect();
        assert_eq!(ids, ["long"]);
    }
}
