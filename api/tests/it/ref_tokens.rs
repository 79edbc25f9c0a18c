//! Ref tokens by grants: what is in them, what is denied and why, and that nothing outlives its grant.

use std::collections::BTreeSet;

use portolan::{config::TokenAuthority, tokens::OfflineKeys};
use portolan_domain::token::Claims;
use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    grants::{STABLE, with_repos},
    support::{Answer, TestApp, now},
};

const GAME: &str = "app/org.cool.Game/x86_64/stable";

async fn started(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    with_repos(&app).await;
    app
}

async fn grant(app: &TestApp, owner: &str, user: &str, refs: &[&str], until: Option<&str>) {
    let collection = format!("org.{owner}.Stable");
    let body = json!([{ "collectionId": collection, "refs": refs, "until": until }]);
    let path = format!("/owners/{owner}/grants/{user}");
    let granted = app.json(Method::PUT, &path, body).await;
    assert_eq!(granted.status, 200, "{}", granted.text);
}

fn wanted(collection: &str, name: &str) -> Value {
    json!({ "collectionId": collection, "ref": name })
}

async fn ask(app: &TestApp, key: &str, body: Value) -> Answer {
    let request = app.request(Method::POST, "/ref_tokens").bearer_auth(key);
    app.send(request.json(&body)).await
}

/// What each token says, once it is verified as a peer does it.
pub async fn verified(app: &TestApp, answer: &Value) -> Vec<(Claims, Value)> {
    let jwks = app.get("/.well-known/jwks.json").await.text;
    let keys = OfflineKeys::read(jwks.as_bytes()).unwrap();
    let tokens = answer["tokens"].as_object().unwrap();
    let verify = |(token, refs): (&String, &Value)| {
        assert!(token.len() <= 8192, "{} bytes", token.len());
        (
            keys.verify(token, now().unix_timestamp()).unwrap(),
            refs.clone(),
        )
    };
    tokens.iter().map(verify).collect()
}

fn names(claims: &Claims) -> Vec<String> {
    let refs = claims.refs.as_ref().unwrap().iter();
    refs.map(|entry| entry.name.clone()).collect()
}

both_engines! {
    async fn a_token_says_who_may_have_what_and_for_how_long(database: TestDatabase) {
        let app = started(database).await;
        grant(&app, "acme", "alice", &["app/org.cool.Game/*/stable"], None).await;
        let answer = ask(&app, &app.admin, json!({
            "user": "alice", "remote": "acme", "aud": "acme-repo",
            "refs": [
                { "collectionId": STABLE, "ref": GAME, "commit": "0f".repeat(32), "tokenType": 1 },
                wanted(STABLE, GAME),
                wanted(STABLE, "app/org.cool.Game/x86_64/beta"),
                wanted("org.nobody.Stable", GAME),
            ],
        })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("cache-control"), "no-store");
        let body = answer.json();
        let issuer = app.state.tokens.issuer();
        assert_eq!((&body["issuer"], &body["expires"]), (&json!(issuer), &json!("2026-11-22T12:10:00.000Z")));
        let denied: Vec<_> = body["denied"].as_array().unwrap().iter()
            .map(|one| (one["collectionId"].clone(), one["ref"].clone())).collect();
        assert_eq!(denied, [
            (json!(STABLE), json!("app/org.cool.Game/x86_64/beta")), (json!("org.nobody.Stable"), json!(GAME)),
        ]);
        assert!(body["denied"][0]["reason"].as_str().unwrap().contains("nothing grants"));
        let tokens = verified(&app, &body).await;
        let [(claims, refs)] = tokens.as_slice() else { panic!("{body}") };
        assert_eq!(refs, &json!([GAME]));
        assert_eq!(names(claims), [GAME]);
        let at = now().unix_timestamp();
        assert_eq!((claims.iat, claims.nbf, claims.exp), (Some(at), Some(at), at + 600));
        assert_eq!((claims.sub.as_str(), claims.user.as_deref()), ("alice", Some("alice")));
        assert_eq!((claims.iss.as_deref(), claims.aud.as_deref()), (Some(issuer), Some("acme-repo")));
        assert!(claims.jti.is_some() && claims.scope.is_empty());
        // It is no parent.
        let token = body["tokens"].as_object().unwrap().keys().next().unwrap();
        let child = json!({ "name": "x", "sub": "alice", "scope": [], "duration": 1 });
        let child = app.request(Method::POST, "/token_subset").bearer_auth(token).json(&child);
        assert_eq!(app.send(child).await.status, 401);
    }

    async fn nothing_outlives_its_grant(database: TestDatabase) {
        let app = started(database).await;
        let body = json!([
            { "collectionId": STABLE, "refs": ["app/long"] },
            { "collectionId": STABLE, "refs": ["app/short", "app/both"], "until": "2026-11-22T12:01:00.900Z" },
            { "collectionId": STABLE, "refs": ["*/both"], "until": "2026-11-22T12:02:00Z" },
            { "collectionId": STABLE, "refs": ["app/now"], "until": "2026-11-22T12:00:00.500Z" },
            { "collectionId": STABLE, "refs": ["app/over"], "until": "2026-11-22T11:59:59Z" },
        ]);
        assert_eq!(app.json(Method::PUT, "/owners/acme/grants/alice", body).await.status, 200);
        let refs: Vec<_> = ["app/long", "app/short", "app/both", "app/now", "app/over"]
            .iter().map(|name| wanted(STABLE, name)).collect();
        let answer = ask(&app, &app.admin, json!({ "user": "alice", "refs": refs, "duration": 3600 })).await.json();
        let mut ends: Vec<_> = verified(&app, &answer).await.iter()
            .map(|(claims, _)| (names(claims).join(" "), claims.exp - now().unix_timestamp())).collect();
        ends.sort();
        assert_eq!(ends, [
            ("app/both".to_owned(), 120), ("app/long".to_owned(), 3600), ("app/short".to_owned(), 60),
        ]);
        assert_eq!(answer["expires"], "2026-11-22T12:01:00.000Z");
        let denied: BTreeSet<_> = answer["denied"].as_array().unwrap().iter()
            .map(|one| (one["ref"].to_string(), one["reason"].to_string())).collect();
        assert_eq!(denied.len(), 2);
        assert!(denied.iter().all(|(_, reason)| reason.contains("ended")), "{denied:?}");
    }

    async fn many_refs_are_cut_into_tokens_of_one_collection(database: TestDatabase) {
        let app = started(database).await;
        for owner in ["acme", "other"] {
            grant(&app, owner, "alice", &["app/*/x86_64/stable"], None).await;
        }
        let name = |n: usize| format!("app/org.cool.Game{n}/x86_64/stable");
        let refs: Vec<_> = (0..450).map(|n| wanted(STABLE, &name(n)))
            .chain((0..3).map(|n| wanted("org.other.Stable", &name(n)))).collect();
        let answer = ask(&app, &app.admin, json!({ "user": "alice", "refs": refs })).await.json();
        assert_eq!(answer["denied"], json!([]));
        let tokens = verified(&app, &answer).await;
        let mut seen = BTreeSet::new();
        for (claims, listed) in &tokens {
            let refs = claims.refs.as_ref().unwrap();
            assert!(refs.len() <= 200 && json!(names(claims)) == *listed);
            assert!(refs.iter().all(|entry| entry.collection_id == refs[0].collection_id));
            for entry in refs {
                assert!(seen.insert(entry.clone()), "{entry:?} is in two tokens");
            }
        }
        assert_eq!(seen.len(), 453);
        let ids: BTreeSet<_> = tokens.iter().map(|(claims, _)| claims.jti.clone()).collect();
        assert_eq!(ids.len(), tokens.len());
    }

    async fn an_issuer_gives_only_what_his_owners_granted(database: TestDatabase) {
        let app = started(database).await;
        for owner in ["acme", "other"] {
            grant(&app, owner, "alice", &["app/a"], None).await;
        }
        let refs = json!([wanted(STABLE, "app/a"), wanted("org.other.Stable", "app/a")]);
        let given = async |owners: &[&str]| {
            let key = app.key(Role::Issuer, owners).await;
            let answer = ask(&app, &key, json!({ "user": "alice", "refs": refs })).await;
            answer.json()["tokens"].as_object().unwrap().len()
        };
        assert_eq!(given(&["acme"]).await, 1);
        assert_eq!(given(&["acme", "other"]).await, 2);
        assert_eq!(given(&[]).await, 2);
        // What somebody else has in a collection that is no longer his counts no more.
        assert_eq!(app.delete("/repos/other-repo").await.status, 204);
        let answer = ask(&app, &app.admin, json!({ "user": "alice", "refs": refs })).await.json();
        assert_eq!(answer["denied"][0]["collectionId"], "org.other.Stable");
    }

    async fn users_are_told_apart(database: TestDatabase) {
        let app = started(database).await;
        grant(&app, "acme", "alice", &["app/a"], None).await;
        for user in ["Alice", "alice ", "bob", "alice%", "a", "ALICE"] {
            let body = json!({ "user": user, "refs": [wanted(STABLE, "app/a")] });
            let answer = ask(&app, &app.admin, body).await.json();
            assert_eq!(answer["tokens"], json!({}), "{user:?}");
            assert_eq!(answer["expires"], Value::Null);
        }
    }

    async fn what_cannot_be_asked_is_refused(database: TestDatabase) {
        let app = started(database).await;
        grant(&app, "acme", "alice", &["app/*/x86_64/stable"], None).await;
        let good = json!({ "user": "alice", "refs": [wanted(STABLE, "app/a/x86_64/stable")] });
        let many: Vec<_> = (0..10_001).map(|n| wanted("o.a", &format!("{n}"))).collect();
        for (field, value) in [
            ("duration", json!(0)), ("duration", json!(-1)), ("duration", json!(86_401)),
            ("duration", json!(i64::MAX)), ("duration", json!("600")), ("durations", json!(600)),
            ("aud", json!("")), ("aud", json!("a\nb")), ("aud", json!(["a"])), ("user", json!("")),
            ("user", json!(null)), ("refs", json!([])), ("refs", json!(many)),
            ("refs", json!([wanted(STABLE, "app/*/x86_64/stable")])),
            ("refs", json!([wanted(STABLE, "app/a/../b")])),
            ("refs", json!([wanted("acme", "app/a")])),
            ("refs", json!([{ "ref": "app/a" }])),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            ask(&app, &app.admin, bad).await.assert_problem(400, "bad-request");
        }
        let mut day = good.clone();
        day["duration"] = json!(86_400);
        assert_eq!(ask(&app, &app.admin, day).await.status, 200);
        for role in [Role::Manager, Role::Proxy, Role::Auditor] {
            let key = app.key(role, &[]).await;
            ask(&app, &key, good.clone()).await.assert_problem(403, "forbidden");
        }
    }

    async fn with_no_authority_nobody_has_anything(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| {
            config.tokens.authority = Some(TokenAuthority::None);
        }).await;
        with_repos(&app).await;
        grant(&app, "acme", "alice", &["app/a"], None).await;
        let body = json!({ "user": "alice", "refs": [wanted(STABLE, "app/a")] });
        let answer = ask(&app, &app.admin, body).await.json();
        assert_eq!(answer["tokens"], json!({}));
        assert!(answer["denied"][0]["reason"].as_str().unwrap().contains("tokens.authority"));
    }
}
