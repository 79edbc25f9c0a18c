//! Tokens for clients of a registry: who gets which, and what they are good for.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use portolan::config::{Config, KidFormat, TokenFormat};
use portolan_domain::token::TokenKind;
use portolan_storage::both_engines;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    gateway::{ALICES, BOBS, OPEN, ask, assert_refused, feed_all, get, let_in, token, token_text},
    support::{TestApp, by, eventually},
};

fn jwt(config: &mut Config) {
    config.gateway.token_format = TokenFormat::Jwt;
    config.gateway.service = Some("registry.example.com".to_owned());
    config.gateway.issuer = Some("portolan".to_owned());
}

async fn form(app: &TestApp, form: &[(&str, &str)]) -> crate::support::Answer {
    app.send(ask(app, Method::POST, "/v2/token").form(form))
        .await
}

/// Header and claims of a JWT.
fn parts(jwt: &str) -> (Value, Value) {
    let mut parts = jwt.split('.').map(|part| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    });
    (parts.next().unwrap(), parts.next().unwrap())
}

both_engines! {
    async fn a_token_stands_for_its_user(database: TestDatabase) {
        let app = TestApp::start(database).await;
        feed_all(&app).await;
        let_in(&app).await;
        let answer = token(&app, "alice", "service=x&account=alice&client_id=docker&scope=repository:bob/app:pull").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
        let json = answer.json();
        assert_eq!(json["token"], json["access_token"]);
        assert!(json["token"].as_str().unwrap().starts_with("ptg_"));
        assert_eq!((&json["expires_in"], &json["issued_at"]), (&json!(3600), &json!("2026-11-22T12:00:00Z")));
        assert_eq!(json.get("refresh_token"), None);
        let alice = json["token"].as_str().unwrap();
        assert_eq!(get(&app, "/v2/", Some(alice)).await.status, 200);
        let refused = get(&app, "/v2/", None).await;
        assert_refused(&refused, 401, "UNAUTHORIZED");
        assert!(!refused.header("www-authenticate").contains("error="));
        for bad in ["ptg_nonsense", "", "a.b.c", &app.admin, &alice[..alice.len() - 1]] {
            let refused = get(&app, "/v2/", Some(bad)).await;
            assert_refused(&refused, 401, "UNAUTHORIZED");
            assert!(refused.header("www-authenticate").ends_with(",error=\"invalid_token\""));
        }
    }

    async fn nobody_in_particular_has_a_token_too(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let answer = app.send(ask(&app, Method::GET, "/v2/token?service=x&scope=repository:a:pull")).await;
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(get(&app, "/v2/", Some(&token)).await.status, 200);
        // So say some clients that they have no password.
        let empty = ask(&app, Method::GET, "/v2/token").basic_auth("", Some(""));
        assert_eq!(app.send(empty).await.json()["token"], token);
    }

    async fn a_wrong_password_is_refused_whoever_it_is(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let_in(&app).await;
        for (user, password) in [("alice", "bob"), ("nobody", "x"), ("alice", ""), ("", "x"), ("a b", "x")] {
            let request = ask(&app, Method::GET, "/v2/token").basic_auth(user, Some(password));
            let refused = app.send(request).await;
            assert_refused(&refused, 401, "UNAUTHORIZED");
            assert!(refused.header("www-authenticate").starts_with("Basic realm="));
        }
        for header in ["Basic", "Basic !", "Basic YQ=="] {
            let request = ask(&app, Method::GET, "/v2/token").header("authorization", header);
            assert_refused(&app.send(request).await, 401, "UNAUTHORIZED");
        }
        let name = [("grant_type", "password"), ("username", "alice"), ("password", "bob")];
        assert_refused(&form(&app, &name).await, 401, "UNAUTHORIZED");
    }

    async fn too_many_wrong_passwords_are_not_even_looked_at(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| {
            config.access.failed_credentials = 3.try_into().unwrap();
            config.access.failed_credentials_per_minute = 1.try_into().unwrap();
        })
        .await;
        let_in(&app).await;
        // The node has heard of it: from now on it forgets no login.
        let mut beats = app.state.pulse.beats();
        let heard = beats.wait_for(|beat| beat.is_some_and(|beat| beat.generations.gateway_logins == 2));
        heard.await.unwrap();
        beats.changed().await.unwrap();
        let alice = token_text(&app, "alice").await;
        let guess = async |password: &str| {
            app.send(ask(&app, Method::GET, "/v2/token").basic_auth("bob", Some(password))).await
        };
        for _ in 0..3 {
            assert_refused(&guess("guessed").await, 401, "UNAUTHORIZED");
        }
        let refused = guess("bob").await;
        assert_refused(&refused, 429, "TOOMANYREQUESTS");
        assert!(!refused.header("retry-after").is_empty());
        // Who logged in before goes on, and so do the tokens that are out.
        assert_eq!(token(&app, "alice", "").await.status, 200);
        assert_eq!(get(&app, "/v2/", Some(&alice)).await.status, 200);
    }

    async fn many_right_passwords_at_once_are_no_guesses(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| {
            config.access.failed_credentials = 3.try_into().unwrap();
            config.access.failed_credentials_per_minute = 1.try_into().unwrap();
        })
        .await;
        let_in(&app).await;
        let logins = (0..12).map(|n| token(&app, ["alice", "bob"][n % 2], "offline_token=true"));
        for answer in futures_util::future::join_all(logins).await {
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }

    async fn a_token_that_is_given_counts_for_a_minute_at_least(database: TestDatabase) {
        let seconds = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(0));
        let moved = seconds.clone();
        let clock = portolan::clock::Clock::from_fn(move || {
            let seconds = moved.load(std::sync::atomic::Ordering::SeqCst);
            crate::support::now() + time::Duration::seconds(seconds)
        });
        let change = |config: &mut Config| {
            jwt(config);
            config.gateway.token_ttl = 90;
        };
        let app = TestApp::start_at(database.store.clone(), database, change, clock).await;
        let_in(&app).await;
        for at in [0, 29, 31, 60, 61, 500] {
            seconds.store(at, std::sync::atomic::Ordering::SeqCst);
            let left = token(&app, "alice", "").await.json()["expires_in"].as_i64().unwrap();
            assert!((60..=90).contains(&left), "{left} after {at} s");
        }
    }

    async fn invented_tokens_leave_the_database_to_the_others(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let mut statuses = std::collections::BTreeSet::new();
        for n in 0..400 {
            statuses.insert(get(&app, "/v2/", Some(&format!("ptg_{n}"))).await.status.as_u16());
        }
        assert_eq!(statuses.into_iter().collect::<Vec<_>>(), [401, 429]);
        assert_eq!(get(&app, "/v2/", Some("anonymous")).await.status, 200);
    }

    async fn a_jwt_never_grows_too_large_for_a_header(database: TestDatabase) {
        let app = TestApp::start_with(database, jwt).await;
        let names: Vec<String> = (0..300).map(|n| format!("some/where/{n:03}")).collect();
        let list: Vec<Value> = names.iter().map(|name| json!({ "repository": name, "auth_required": false })).collect();
        crate::gateway::feed(&app, "repository_list", json!({ "repositories": list })).await;
        let scopes: Vec<String> = names.iter().map(|name| format!("scope=repository:{name}:pull")).collect();
        let answer = app.send(ask(&app, Method::GET, &format!("/v2/token?{}", scopes.join("&")))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        let granted = parts(&token).1["access"].as_array().unwrap().len();
        assert!(granted > 50 && granted < 300 && token.len() < 12 << 10, "{granted} in {}", token.len());
        assert_eq!(get(&app, "/v2/", Some(&token)).await.status, 200);
    }

    async fn docker_keeps_a_refresh_token(database: TestDatabase) {
        let app = TestApp::start(database).await;
        feed_all(&app).await;
        let_in(&app).await;
        let first = token(&app, "alice", "offline_token=true").await.json();
        let refresh = first["refresh_token"].as_str().unwrap().to_owned();
        // It is no token to pull with.
        assert_refused(&get(&app, "/v2/", Some(&refresh)).await, 401, "UNAUTHORIZED");
        let grant = [
            ("grant_type", "refresh_token"), ("refresh_token", &refresh), ("service", "x"), ("client_id", "docker"),
            ("scope", "repository:alice/app:pull repository:open/base:pull"),
        ];
        let second = form(&app, &grant).await;
        assert_eq!(second.status, 200, "{}", second.text);
        let token = second.json()["access_token"].as_str().unwrap().to_owned();
        assert_eq!(get(&app, "/v2/", Some(&token)).await.status, 200);
        // A new password ends all of it, within a second.
        let hash = portolan::gateway::hash_password("another").unwrap();
        app.state.store.put_gateway_account("alice", hash.as_str(), &by()).await.unwrap();
        assert_refused(&form(&app, &grant).await, 401, "UNAUTHORIZED");
        eventually("the token is ended", || async { get(&app, "/v2/", Some(&token)).await.status == 401 }).await;
        eventually("the old password is forgotten", || async {
            crate::gateway::token(&app, "alice", "").await.status == 401
        })
        .await;
    }

    async fn forms_are_read_as_clients_send_them(database: TestDatabase) {
        let app = TestApp::start_with(database, jwt).await;
        feed_all(&app).await;
        let_in(&app).await;
        let login = [("grant_type", "password"), ("username", "alice"), ("password", "alice"), ("access_type", "offline")];
        let both = [&login[..], &[("scope", "repository:alice/app:pull"), ("scope", "repository:open/base:pull,push")]].concat();
        let one = [&login[..], &[("scope", "repository:alice/app:pull repository:open/base:pull,push")]].concat();
        for asked in [both, one] {
            let answer = form(&app, &asked).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let json = answer.json();
            let access = parts(json["token"].as_str().unwrap()).1["access"].clone();
            let pull = |name: &str| json!({ "type": "repository", "name": name, "actions": ["pull"] });
            assert_eq!(access, json!([pull(ALICES), pull(OPEN)]));
            assert!(json["refresh_token"].is_string());
        }
        for (bad, status) in [
            (&[("grant_type", "password")][..], 400),
            (&[("grant_type", "refresh_token")], 400),
            (&[("grant_type", "authorization_code")], 400),
            (&[("username", "alice"), ("password", "alice")], 400),
            (&[("grant_type", "password"), ("username", "alice"), ("username", "bob"), ("password", "bob")], 400),
            (&[("grant_type", "refresh_token"), ("refresh_token", "ptg_x")], 401),
        ] {
            let answer = form(&app, bad).await;
            assert_eq!(answer.status, status, "{bad:?} {}", answer.text);
            assert!(answer.json()["errors"].is_array());
        }
    }

    async fn a_jwt_is_what_a_registry_verifies(database: TestDatabase) {
        let app = TestApp::start_with(database, jwt).await;
        feed_all(&app).await;
        let_in(&app).await;
        let asked = "service=registry.example.com&scope=repository:alice/app:pull,push&scope=repository:bob/app:pull\
                     &scope=registry:catalog:*&scope=repository:nothing:pull";
        let answer = token(&app, "alice", asked).await.json();
        let alice = answer["token"].as_str().unwrap();
        let (header, claims) = parts(alice);
        assert_eq!((&header["typ"], &header["alg"]), (&json!("JWT"), &json!("ES256")));
        let groups: Vec<&str> = header["kid"].as_str().unwrap().split(':').collect();
        assert_eq!((groups.len(), groups.iter().all(|group| group.len() == 4)), (12, true));
        assert_eq!(header["x5c"].as_array().unwrap().len(), 1);
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("portolan"), &json!("alice")));
        assert_eq!(claims["aud"], "registry.example.com", "a text, and no list");
        let now = by().at.unix_timestamp();
        assert_eq!((&claims["nbf"], &claims["iat"], &claims["exp"]), (&json!(now), &json!(now), &json!(now + 3600)));
        assert_eq!(claims["access"], json!([{ "type": "repository", "name": ALICES, "actions": ["pull"] }]));
        assert!(claims["jti"].is_string());
        // The gateway takes it, too.
        assert_eq!(get(&app, "/v2/", Some(alice)).await.status, 200);
        let names = get(&app, "/v2/_catalog", Some(alice)).await.json();
        assert_eq!(names["repositories"], json!([ALICES, OPEN]));
        let nobody = app.send(ask(&app, Method::GET, "/v2/token?scope=repository:open/base:pull")).await.json();
        let (_, claims) = parts(nobody["token"].as_str().unwrap());
        assert_eq!((&claims["sub"], &claims["access"][0]["name"]), (&json!(""), &json!(OPEN)));
        // The public key is to be had under the id that the token names.
        let jwks = app.get("/.well-known/jwks.json").await.json();
        assert!(jwks["keys"].as_array().unwrap().iter().any(|key| key["kid"] == header["kid"]), "{jwks}");
    }

    async fn only_tokens_for_this_registry_are_tokens(database: TestDatabase) {
        let app = TestApp::start_with(database.clone(), jwt).await;
        feed_all(&app).await;
        let_in(&app).await;
        let alice = token_text(&app, "alice").await;
        let other = TestApp::start_named(
            database.store.clone(), database, |config| {
                jwt(config);
                config.gateway.service = Some("other.example.com".to_owned());
                config.gateway.kid_format = KidFormat::Rfc7638;
            },
            portolan::clock::Clock::from_fn(crate::support::now), "second",
        )
        .await;
        assert_eq!(get(&app, "/v2/", Some(&alice)).await.status, 200);
        let foreign = token_text(&other, "alice").await;
        assert_eq!(get(&other, "/v2/", Some(&foreign)).await.status, 200);
        assert!(!parts(&foreign).0["kid"].as_str().unwrap().contains(':'));
        for (app, token) in [(&app, &foreign), (&other, &alice)] {
            assert_refused(&get(app, "/v2/", Some(token)).await, 401, "UNAUTHORIZED");
        }
        let access = app.state.tokens.sign(TokenKind::Access, &crate::tokens::parent()).await.unwrap();
        let forged = format!("{}AAAA", &alice[..alice.len() - 4]);
        for bad in [access.as_str(), &forged, "anonymous", "ptg_x"] {
            assert_refused(&get(&app, "/v2/", Some(bad)).await, 401, "UNAUTHORIZED");
        }
    }

    async fn a_user_who_goes_takes_his_tokens_along(database: TestDatabase) {
        let app = TestApp::start(database).await;
        feed_all(&app).await;
        let_in(&app).await;
        let (alice, bob) = (token_text(&app, "alice").await, token_text(&app, "bob").await);
        assert_eq!(get(&app, "/v2/", Some(&alice)).await.status, 200);
        app.state.store.delete_gateway_account("alice", &by()).await.unwrap();
        eventually("her token is ended", || async { get(&app, "/v2/", Some(&alice)).await.status == 401 }).await;
        assert_eq!(token(&app, "alice", "").await.status, 401);
        assert_eq!(get(&app, "/v2/", Some(&bob)).await.status, 200);
        assert_eq!(get(&app, &format!("/v2/{BOBS}/tags/list"), Some(&bob)).await.status, 503, "there is no registry");
    }
}
