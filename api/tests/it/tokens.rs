//! What tests of tokens share: keys, parents, and tokens that nobody here would make.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use portolan_domain::token::{Claims, Scope, TokenAlgorithm, TokenKeyPair, TokenKind, TokenSecret};
use portolan_storage::KeyTurn;
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Answer, TestApp, by, now};

/// What the tests share with flat-manager.
pub const SECRET: &[u8] = b"a secret of at least 32 bytes, as it should be";

/// The instant of the tests, in seconds.
pub fn seconds() -> i64 {
    now().unix_timestamp()
}

/// A key that signs tokens of this kind from now on.
pub async fn add_key(app: &TestApp, kind: TokenKind, algorithm: TokenAlgorithm) -> TokenKeyPair {
    let key = if algorithm == TokenAlgorithm::Hs256 {
        TokenKeyPair::from_secret(TokenSecret::new(SECRET.to_vec()))
    } else {
        TokenKeyPair::generate(algorithm)
    };
    let key = key.unwrap();
    put(app, kind, &key).await;
    key
}

/// Stores a key behind the service's back.
pub async fn put(app: &TestApp, kind: TokenKind, key: &TokenKeyPair) {
    let store = &app.state.store;
    assert!(
        store
            .add_token_key(kind, key, KeyTurn::Add, &by())
            .await
            .unwrap()
    );
}

/// A parent that may much.
pub fn parent() -> Claims {
    Claims {
        sub: "build".to_owned(),
        exp: seconds() + 3600,
        name: Some("parent".to_owned()),
        jti: Some("parents-id".to_owned()),
        scope: vec![Scope::Build, Scope::Upload, Scope::Download],
        prefixes: vec!["org.cool".to_owned()],
        repos: vec!["stable".to_owned()],
        ..Claims::default()
    }
}

/// A request for a child that this parent is enough for.
pub fn asked() -> Value {
    json!({ "name": "child", "sub": "build/7", "scope": ["upload"], "duration": 60 })
}

/// Asks for a child with this token.
pub async fn ask(app: &TestApp, token: &str, body: Value) -> Answer {
    let request = app.request(Method::POST, "/api/v1/token_subset");
    app.send(request.bearer_auth(token).json(&body)).await
}

/// The child, which must be given.
pub async fn child(app: &TestApp, token: &str, body: Value) -> String {
    let answer = ask(app, token, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
    body["token"].as_str().unwrap().to_owned()
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub fn decode(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A part of a token, decoded: 0 is its header, 1 its claims.
pub fn part(token: &str, which: usize) -> Value {
    let part = token.split('.').nth(which).unwrap();
    serde_json::from_slice(&decode(part)).unwrap()
}

/// A token with any header, signed with HMAC-SHA256 under any key.
pub fn hs256(header: &Value, claims: &Value, key: &[u8]) -> String {
    use jsonwebtoken::{Algorithm, EncodingKey, crypto};
    signed(header, claims, |text| {
        let key = EncodingKey::from_secret(key);
        decode(&crypto::sign(text, &key, Algorithm::HS256).unwrap())
    })
}

/// A token with any header and any signature.
pub fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let text = format!(
        "{}.{}",
        encode(header.to_string()),
        encode(claims.to_string())
    );
    let signature = sign(text.as_bytes());
    format!("{text}.{}", encode(signature))
}

/// What flat-manager itself would sign.
pub fn flat_managers(claims: &Value) -> String {
    hs256(&json!({ "typ": "JWT", "alg": "HS256" }), claims, SECRET)
}

/// A token for access with these claims, signed here.
pub async fn access(app: &TestApp, claims: &Claims) -> String {
    let signed = app.state.tokens.sign(TokenKind::Access, claims).await;
    signed.unwrap()
}

/// Whether a token counts, as this node says.
pub async fn is_active(app: &TestApp, token: &str) -> bool {
    let request = app.request(Method::POST, "/introspect");
    let request = request.bearer_auth(&app.admin).form(&[("token", token)]);
    let answer = app.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    let active = body["active"].as_bool().unwrap();
    // Of one that does not count nothing else is told.
    assert!(active || body == json!({ "active": false }), "{body}");
    active
}
