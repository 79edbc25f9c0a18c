//! What OAuth's clients ask of tokens: introspection (RFC 7662), revocation (RFC 7009) and metadata
//! (RFC 8414).

use portolan_domain::token::{Claims, CollectionRef, TokenAlgorithm, TokenKind};
use portolan_storage::{Role, both_engines};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    support::{Answer, TestApp},
    tokens::{access, add_key, asked, child, flat_managers, is_active, parent, seconds},
};

async fn introspect(app: &TestApp, token: &str) -> Value {
    let request = app
        .request(Method::POST, "/introspect")
        .bearer_auth(&app.admin);
    let answer = app.send(request.form(&[("token", token)])).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json()
}

/// Revokes with nothing but the token.
async fn revoke(app: &TestApp, token: &str) -> Answer {
    let request = app.request(Method::POST, "/revoke");
    app.send(request.form(&[("token", token), ("token_type_hint", "access_token")]))
        .await
}

async fn form(app: &TestApp, path: &str, body: &'static str) -> Answer {
    let request = app.request(Method::POST, path).bearer_auth(&app.admin);
    let kind = "application/x-www-form-urlencoded; charset=utf-8";
    app.send(request.header("content-type", kind).body(body))
        .await
}

both_engines! {
    async fn a_token_that_counts_says_what_it_is(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let claims = Claims {
            user: Some("alice".to_owned()),
            aud: Some("stable".to_owned()),
            ..parent()
        };
        let issuer = app.state.tokens.issuer().to_owned();
        let token = access(&app, &claims.issued(Some(issuer.clone()), seconds())).await;
        assert_eq!(introspect(&app, &token).await, json!({
            "active": true, "scope": "build upload download", "username": "alice",
            "token_type": "Bearer", "exp": seconds() + 3600, "iat": seconds(), "nbf": seconds(),
            "sub": "build", "aud": "stable", "iss": issuer, "jti": "parents-id", "name": "parent",
            "purpose": "access", "prefixes": ["org.cool"], "apps": [], "repos": ["stable"],
            "branches": [],
        }));
        let refs = Claims {
            sub: "alice".to_owned(),
            exp: seconds() + 60,
            refs: Some(vec![CollectionRef {
                collection_id: "org.cool".to_owned(),
                name: "app/org.cool.Game/x86_64/stable".to_owned(),
            }]),
            ..Claims::default()
        };
        let token = app.state.tokens.sign(TokenKind::RefToken, &refs).await.unwrap();
        assert_eq!(introspect(&app, &token).await, json!({
            "active": true, "token_type": "Bearer", "exp": seconds() + 60, "sub": "alice",
            "purpose": "ref-token",
            "refs": [{ "collectionId": "org.cool", "ref": "app/org.cool.Game/x86_64/stable" }],
        }));
        for role in [Role::Issuer, Role::Proxy] {
            let key = app.key(role, &[]).await;
            let request = app.request(Method::POST, "/introspect").bearer_auth(&key);
            let answer = app.send(request.form(&[("token", &token)])).await;
            assert_eq!(answer.json()["active"], true, "{}", role.as_str());
        }
    }

    async fn of_a_token_that_does_not_count_nothing_is_told(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let expired = access(&app, &Claims { exp: seconds(), ..parent() }).await;
        let early = access(&app, &Claims { nbf: Some(seconds() + 3600), ..parent() }).await;
        let good = access(&app, &parent()).await;
        let (start, _) = good.rsplit_once('.').unwrap();
        let forged = format!("{start}.{}", crate::tokens::encode([0; 64]));
        for token in [&*expired, &*early, &*forged, "nonsense", "a.b.c", &app.admin] {
            assert_eq!(introspect(&app, token).await, json!({ "active": false }));
        }
        assert_eq!(revoke(&app, &good).await.status, 200);
        assert_eq!(introspect(&app, &good).await, json!({ "active": false }));
    }

    async fn a_form_is_read_with_care(database: TestDatabase) {
        let app = TestApp::start(database).await;
        for path in ["/introspect", "/revoke"] {
            for bad in ["", "token=", "token_type_hint=x", "token=a&token=b", "token=a&x=1&x=2"] {
                let problem = form(&app, path, bad).await.assert_problem(400, "bad-request");
                assert_eq!(problem["error"], "invalid_request", "{bad}");
            }
            assert_eq!(form(&app, path, "token=a&other=b").await.status, 200);
            let json = app.json(Method::POST, path, json!({ "token": "a" })).await;
            json.assert_problem(415, "unsupported-media-type");
            let request = app.request(Method::POST, path).bearer_auth(&app.admin);
            let large = request.form(&[("token", "x".repeat(65 << 10))]);
            app.send(large).await.assert_problem(413, "body-too-large");
        }
    }

    async fn who_holds_a_token_revokes_it_and_no_more_than_that(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let mother = access(&app, &parent()).await;
        let made = child(&app, &mother, asked()).await;
        for _ in 0..2 {
            let answer = revoke(&app, &made).await;
            assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
        }
        assert!(!is_active(&app, &made).await);
        assert!(is_active(&app, &mother).await);
        // It matters until it would have ended.
        let listed = app.send(app.request(Method::GET, "/revocations")).await.json();
        assert_eq!(listed["jtis"][0]["exp"], seconds() + 60);
        let sibling = child(&app, &mother, asked()).await;
        assert_eq!(revoke(&app, &mother).await.status, 200);
        assert!(!is_active(&app, &sibling).await);
        for unknown in ["nonsense", "a.b.c"] {
            assert_eq!(revoke(&app, unknown).await.status, 200);
        }
        let events = app.get("/audit?action=token.revoke").await.json();
        assert_eq!(events.as_array().unwrap().len(), 2);
        assert_eq!(events[0]["principalKind"], "token");
    }

    async fn a_child_with_its_parents_id_does_not_revoke_its_parent(database: TestDatabase) {
        let app = TestApp::start(database).await;
        add_key(&app, TokenKind::FlatManager, TokenAlgorithm::Hs256).await;
        let flat = json!({
            "sub": "build", "exp": seconds() + 3600, "jti": "flat", "name": "parent", "scope": ["upload"],
        });
        let mother = flat_managers(&flat);
        let made = child(&app, &mother, asked()).await;
        let problem = revoke(&app, &made).await.assert_problem(400, "token-not-revocable");
        assert_eq!(problem["error"], "unsupported_token_type");
        let as_role = async |role| {
            let key = app.key(role, &[]).await;
            let request = app.request(Method::POST, "/revoke").bearer_auth(&key);
            app.send(request.form(&[("token", &made)])).await
        };
        as_role(Role::Proxy).await.assert_problem(400, "token-not-revocable");
        assert!(is_active(&app, &mother).await);
        assert_eq!(as_role(Role::Issuer).await.status, 200);
        assert!(!is_active(&app, &mother).await);
        // The parent ends later than the child: when, is not known.
        let listed = app.send(app.request(Method::GET, "/revocations")).await.json();
        assert_eq!(listed["jtis"], json!([{ "jti": "flat", "exp": null }]));
        let nameless = json!({ "sub": "build", "exp": seconds() + 60, "jti": "own" });
        assert_eq!(revoke(&app, &flat_managers(&nameless)).await.status, 200);
        assert!(!is_active(&app, &flat_managers(&nameless)).await);
        let without_id = flat_managers(&json!({ "sub": "build", "exp": seconds() + 60 }));
        revoke(&app, &without_id).await.assert_problem(400, "token-not-revocable");
    }

    async fn the_metadata_say_where_all_this_is(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| {
            let url = "https://portolan.example.com".to_owned();
            config.http.public_url = Some(url.try_into().unwrap());
        })
        .await;
        let path = "/.well-known/oauth-authorization-server";
        let metadata = app.send(app.request(Method::GET, path)).await;
        assert!(metadata.header("content-type").starts_with("application/json"));
        let metadata = metadata.json();
        assert_eq!(metadata["issuer"], "https://portolan.example.com");
        for (name, path) in [
            ("jwks_uri", "/.well-known/jwks.json"),
            ("introspection_endpoint", "/introspect"),
            ("revocation_endpoint", "/revoke"),
        ] {
            assert_eq!(metadata[name], format!("https://portolan.example.com{path}"));
        }
        assert_eq!(metadata["response_types_supported"], json!([]));
        assert!(metadata["scopes_supported"].to_string().contains("download"));
    }
}
