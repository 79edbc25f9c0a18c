//! Keys that sign tokens: the public ones, and rotation and retirement on two nodes.

use portolan::clock::Clock;
use portolan_domain::token::{TokenAlgorithm, TokenKeyPair, TokenKind};
use portolan_storage::{KeyState, KeyTurn, MasterKey, Store, both_engines};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    support::{TestApp, by, eventually, now},
    tokens::{SECRET, add_key, ask, asked, child, encode, parent, part},
};

const JWKS: &str = "/.well-known/jwks.json";

/// A further node on the same database.
async fn other_node(app: &TestApp) -> TestApp {
    let database = app.database().clone();
    let master = MasterKey::read(&database.folder.path().join("master.key")).unwrap();
    let store = Store::connect(&database.settings, master).await.unwrap();
    TestApp::start_named(store, database, |_| {}, Clock::from_fn(now), "other-admin").await
}

async fn kids(app: &TestApp) -> Vec<Value> {
    let keys = app.get(JWKS).await.json()["keys"].take();
    keys.as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].clone())
        .collect()
}

both_engines! {
    async fn public_keys_are_listed_and_secrets_never(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let none = app.send(app.request(Method::GET, JWKS)).await;
        assert_eq!(none.json(), json!({ "keys": [] }));
        add_key(&app, TokenKind::FlatManager, TokenAlgorithm::Hs256).await;
        let ec = add_key(&app, TokenKind::Access, TokenAlgorithm::Es256).await;
        let ed = add_key(&app, TokenKind::RefToken, TokenAlgorithm::EdDsa).await;
        let rsa = add_key(&app, TokenKind::Registry, TokenAlgorithm::Rs256).await;
        eventually("the keys are listed", || async { kids(&app).await.len() == 3 }).await;
        let answer = app.send(app.request(Method::GET, JWKS)).await;
        assert_eq!(answer.header("content-type"), "application/jwk-set+json");
        assert_eq!(answer.header("cache-control"), "public, max-age=300");
        for secret in [std::str::from_utf8(SECRET).unwrap(), &encode(SECRET), "oct", "\"d\""] {
            assert!(!answer.text.contains(secret), "{secret}");
        }
        for (key, purpose, kty, members) in [
            (&ec, "access", "EC", &["alg", "crv", "kid", "kty", "purpose", "use", "x", "y"][..]),
            (&ed, "ref-token", "OKP", &["alg", "crv", "kid", "kty", "purpose", "use", "x"]),
            (&rsa, "registry", "RSA", &["alg", "e", "kid", "kty", "n", "purpose", "use"]),
        ] {
            let body = answer.json();
            let mut keys = body["keys"].as_array().unwrap().iter();
            // Registries know keys by another name.
            let kid = match purpose {
                "registry" => portolan_domain::gateway::libtrust_kid(key.kid.parse().unwrap()),
                _ => key.kid.clone(),
            };
            let shown = keys.find(|shown| shown["kid"] == json!(kid)).unwrap();
            let names: Vec<&String> = shown.as_object().unwrap().keys().collect();
            assert_eq!(names, members, "{shown}");
            assert_eq!((&shown["kty"], &shown["use"]), (&json!(kty), &json!("sig")));
            assert_eq!(shown["purpose"], purpose);
            // Another implementation reads it.
            let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(shown.clone()).unwrap();
            let read = jsonwebtoken::DecodingKey::from_jwk(&jwk);
            assert!(read.is_ok(), "{shown}");
        }
        let tag = answer.header("etag").to_owned();
        let again = app.request(Method::GET, JWKS).header("if-none-match", &tag);
        assert_eq!(app.send(again).await.status, 304);
        add_key(&app, TokenKind::Access, TokenAlgorithm::Es256).await;
        eventually("the tag changes", || async { app.get(JWKS).await.header("etag") != tag }).await;
    }

    async fn another_implementation_verifies_what_is_signed_here(database: TestDatabase) {
        let app = TestApp::start(database).await;
        for algorithm in [TokenAlgorithm::Es256, TokenAlgorithm::EdDsa, TokenAlgorithm::Rs256] {
            let key = add_key(&app, TokenKind::RefToken, algorithm).await;
            eventually("the key is listed", || async {
                kids(&app).await.contains(&json!(key.kid))
            })
            .await;
            let token = app.state.tokens.sign(TokenKind::RefToken, &parent()).await.unwrap();
            assert_eq!(part(&token, 0)["typ"], "ref+jwt");
            let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&app.get(JWKS).await.text).unwrap();
            let jwk = set.find(&key.kid).unwrap();
            let mut checks = jsonwebtoken::Validation::new(algorithm.as_str().parse().unwrap());
            // Their clock is the system's.
            checks.validate_exp = false;
            let read = jsonwebtoken::decode::<Value>(
                &token, &jsonwebtoken::DecodingKey::from_jwk(jwk).unwrap(), &checks,
            );
            assert_eq!(read.unwrap().claims["sub"], "build");
        }
    }

    async fn a_key_that_is_needed_is_made_once(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let other = other_node(&app).await;
        let sign = |app: &TestApp| {
            let tokens = app.state.tokens.clone();
            async move { tokens.sign(TokenKind::Access, &parent()).await.unwrap() }
        };
        let (one, two, three) = tokio::join!(sign(&app), sign(&other), sign(&app));
        let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": part(&one, 0)["kid"] });
        for token in [&one, &two, &three] {
            assert_eq!(part(token, 0), header);
            child(&app, token, asked()).await;
            child(&other, token, asked()).await;
        }
        assert_eq!(app.state.store.list_signing_keys().await.unwrap().len(), 1);
        // flat-manager's secret cannot be made up.
        assert!(app.state.tokens.sign(TokenKind::FlatManager, &parent()).await.is_err());
    }

    async fn a_rotated_key_verifies_until_it_is_retired_everywhere(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let other = other_node(&app).await;
        let old = app.state.tokens.sign(TokenKind::Access, &parent()).await.unwrap();
        child(&other, &old, asked()).await;
        let store = &app.state.store;
        let next = TokenKeyPair::generate(TokenAlgorithm::Es256).unwrap();
        store.add_token_key(TokenKind::Access, &next, KeyTurn::Rotate, &by()).await.unwrap();
        // Signed with a key of which this node may not have heard.
        let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": next.kid });
        let signed = crate::tokens::signed(&header, &serde_json::to_value(parent()).unwrap(), |text| {
            let key = jsonwebtoken::EncodingKey::from_ec_der(next.secret.expose());
            let made = jsonwebtoken::crypto::sign(text, &key, jsonwebtoken::Algorithm::ES256).unwrap();
            crate::tokens::decode(&made)
        });
        child(&other, &signed, asked()).await;
        for node in [&app, &other] {
            eventually("the new key signs", || async {
                let made = node.state.tokens.sign(TokenKind::Access, &parent()).await.unwrap();
                part(&made, 0)["kid"] == json!(next.kid)
            })
            .await;
            child(node, &old, asked()).await;
            assert_eq!(kids(node).await.len(), 2);
        }
        let old_kid = part(&old, 0)["kid"].as_str().unwrap().to_owned();
        let retired = store.retire_token_key(&old_kid, &by()).await.unwrap();
        assert_eq!(retired.state, KeyState::Retired);
        for node in [&app, &other] {
            eventually("the old key counts no more", || async {
                ask(node, &old, asked()).await.status == 401
            })
            .await;
            assert_eq!(kids(node).await, [json!(next.kid)]);
            child(node, &signed, asked()).await;
        }
    }

    async fn flat_managers_old_secret_verifies_while_it_retires(database: TestDatabase) {
        let app = TestApp::start(database).await;
        add_key(&app, TokenKind::FlatManager, TokenAlgorithm::Hs256).await;
        let claims = serde_json::to_value(parent()).unwrap();
        let old = crate::tokens::flat_managers(&claims);
        child(&app, &old, asked()).await;
        let next = portolan_domain::token::TokenSecret::new(b"the next secret".to_vec());
        let next = TokenKeyPair::from_secret(next).unwrap();
        crate::tokens::put(&app, TokenKind::FlatManager, &next).await;
        let new = crate::tokens::hs256(&json!({ "alg": "HS256" }), &claims, b"the next secret");
        child(&app, &new, asked()).await;
        // The child of an old parent is the new secret's.
        let made = child(&app, &old, asked()).await;
        let by_new = crate::tokens::hs256(&part(&made, 0), &part(&made, 1), b"the next secret");
        assert_eq!(part(&by_new, 1), part(&made, 1));
        child(&app, &made, asked()).await;
    }
}
