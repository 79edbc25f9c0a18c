//! Revocation by issuers, what it hits, and the lists of it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use portolan::clock::Clock;
use portolan_domain::token::{Claims, TokenAlgorithm, TokenKind};
use portolan_storage::{IssuedToken, Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

use super::{
    support::{Answer, TestApp, by, now},
    tokens::{access, add_key, asked, child, flat_managers, is_active, parent, seconds},
};

async fn revoke(app: &TestApp, body: Value) {
    let answer = app.json(Method::POST, "/tokens/revoke", body).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
}

/// A parent that says when it was issued.
fn dated(jti: &str, seconds_ago: i64) -> Claims {
    Claims {
        jti: Some(jti.to_owned()),
        iat: Some(seconds() - seconds_ago),
        ..parent()
    }
}

/// A service whose clock is turned by hand, in seconds beyond the instant of the tests.
async fn with_clock(database: TestDatabase) -> (TestApp, Arc<AtomicI64>) {
    let hand = Arc::new(AtomicI64::new(0));
    let read = hand.clone();
    let clock = Clock::from_fn(move || now() + Duration::seconds(read.load(Ordering::SeqCst)));
    let store = database.store.clone();
    (
        TestApp::start_at(store, database, |_| {}, clock).await,
        hand,
    )
}

async fn list(app: &TestApp, query: &str) -> Answer {
    let answer = app
        .send(app.request(Method::GET, &format!("/revocations{query}")))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

fn names(list: &Value) -> Vec<&str> {
    let entries = list["jtis"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["jti"].as_str().unwrap())
        .collect()
}

both_engines! {
    async fn revoking_a_parent_revokes_all_that_was_made_from_it(database: TestDatabase) {
        let app = TestApp::start(database).await;
        add_key(&app, TokenKind::FlatManager, TokenAlgorithm::Hs256).await;
        let flat = json!({ "sub": "build", "exp": seconds() + 3600, "jti": "flat", "scope": ["upload"] });
        for (jti, token) in [
            ("parents-id", access(&app, &parent()).await),
            ("flat", flat_managers(&flat)),
        ] {
            let made = child(&app, &token, asked()).await;
            let mut below = asked();
            below["sub"] = json!("build/7/1");
            below["duration"] = json!(30);
            let grandchild = child(&app, &made, below).await;
            let tokens = [token, made, grandchild];
            for token in &tokens {
                assert!(is_active(&app, token).await);
            }
            revoke(&app, json!({ "jti": jti })).await;
            for token in &tokens {
                assert!(!is_active(&app, token).await, "of {jti}");
                let refused = crate::tokens::ask(&app, token, asked()).await;
                let problem = refused.assert_problem(401, "invalid-token");
                assert!(problem["detail"].as_str().unwrap().contains("revoked"), "{problem}");
            }
        }
        // Again, and of what nobody knows.
        revoke(&app, json!({ "jti": "parents-id" })).await;
        revoke(&app, json!({ "jti": "nobody" })).await;
    }

    async fn a_subject_a_user_and_an_instant_hit_what_is_older(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let of_user = |ago| Claims { user: Some("alice".to_owned()), ..dated("u", ago) };
        let old = access(&app, &dated("old", 0)).await;
        let undated = access(&app, &parent()).await;
        let next = access(&app, &dated("next", -1)).await;
        let below = access(&app, &Claims { sub: "build/1".to_owned(), ..dated("below", 10) }).await;
        revoke(&app, json!({ "sub": "build" })).await;
        assert!(!is_active(&app, &old).await);
        assert!(!is_active(&app, &undated).await);
        assert!(is_active(&app, &next).await);
        assert!(is_active(&app, &below).await, "exactly this subject");
        let (alices, later) = (access(&app, &Claims { sub: "x".to_owned(), ..of_user(10) }).await,
            access(&app, &of_user(-10)).await);
        assert!(is_active(&app, &alices).await);
        revoke(&app, json!({ "user": "alice" })).await;
        assert!(!is_active(&app, &alices).await);
        assert!(is_active(&app, &later).await);
        let half_a_minute_ago = access(&app, &Claims { sub: "y".to_owned(), ..dated("30", 30) }).await;
        assert!(is_active(&app, &half_a_minute_ago).await);
        revoke(&app, json!({ "issuedBefore": "2026-11-22T12:59:40+01:00" })).await;
        assert!(!is_active(&app, &half_a_minute_ago).await);
        assert!(is_active(&app, &below).await);
        // An earlier instant takes nothing back.
        revoke(&app, json!({ "issuedBefore": "2020-01-01T00:00:00Z" })).await;
        assert!(!is_active(&app, &half_a_minute_ago).await);
        let shown = list(&app, "").await.json();
        assert_eq!(shown["issuedBefore"], "2026-11-22T11:59:40.000Z");
        assert_eq!(shown["subs"], json!([{ "sub": "build", "before": "2026-11-22T12:00:00.000Z" }]));
        assert_eq!(shown["users"], json!([{ "user": "alice", "before": "2026-11-22T12:00:00.000Z" }]));
    }

    async fn what_cannot_be_revoked_is_said(database: TestDatabase) {
        let app = TestApp::start(database).await;
        for wrong in [
            json!({}), json!({ "jti": null }), json!({ "jti": "" }), json!({ "jti": 1 }),
            json!({ "jti": "a", "sub": "b" }), json!({ "user": "" }), json!({ "jti": "a\u{0}" }),
            json!({ "jti": "x".repeat(1025) }), json!({ "issuedBefore": "soon" }),
            json!({ "issuedBefore": "2026-11-22T12:05:01Z" }), json!(["a"]),
        ] {
            let refused = app.json(Method::POST, "/tokens/revoke", wrong).await;
            refused.assert_problem(400, "bad-request");
        }
        // Tokens belong to no owner: one who is bound to some reaches over none.
        app.owner("acme").await;
        let bound = app.key(Role::Issuer, &["acme"]).await;
        let request = app.request(Method::POST, "/tokens/revoke").json(&json!({ "jti": "a" }));
        app.send(request.bearer_auth(&bound)).await.assert_problem(403, "forbidden");
        let request = app.request(Method::GET, "/tokens").bearer_auth(&bound);
        app.send(request).await.assert_problem(403, "forbidden");
        let unbound = app.key(Role::Issuer, &[]).await;
        let request = app.request(Method::POST, "/tokens/revoke").json(&json!({ "sub": "" }));
        assert_eq!(app.send(request.bearer_auth(&unbound)).await.status, 204);
        assert_eq!(names(&list(&app, "").await.json()), [""; 0]);
    }

    async fn the_list_for_edges_has_a_tag_and_a_beginning(database: TestDatabase) {
        let (app, hand) = with_clock(database).await;
        let empty = list(&app, "").await;
        assert_eq!(empty.json(), json!({
            "jtis": [], "subs": [], "users": [], "issuedBefore": null, "now": "2026-11-22T12:00:00.000Z",
        }));
        assert!(empty.header("cache-control").starts_with("public"), "{}", empty.header("cache-control"));
        hand.store(60, Ordering::SeqCst);
        let tag = empty.header("etag").to_owned();
        let ask = async || {
            let request = app.request(Method::GET, "/revocations").header("if-none-match", &tag);
            app.send(request).await
        };
        let known = ask().await;
        assert_eq!((known.status.as_u16(), known.header("etag")), (304, tag.as_str()));
        revoke(&app, json!({ "jti": "first" })).await;
        let fresh = ask().await;
        assert_eq!((fresh.status.as_u16(), names(&fresh.json())), (200, vec!["first"]));
        hand.store(120, Ordering::SeqCst);
        let at = fresh.json()["now"].as_str().unwrap().to_owned();
        assert_eq!(at, "2026-11-22T12:01:00.000Z");
        revoke(&app, json!({ "jti": "second" })).await;
        let since = list(&app, "?since=2026-11-22T12:02:00Z").await.json();
        assert_eq!(names(&since), ["second"]);
        assert_eq!(names(&list(&app, &format!("?since={at}")).await.json()), ["first", "second"]);
        let bad = app.send(app.request(Method::GET, "/revocations?since=soon")).await;
        bad.assert_problem(400, "bad-request");
    }

    async fn an_entry_goes_when_its_token_has_ended(database: TestDatabase) {
        let (app, hand) = with_clock(database).await;
        let made = |jti: &str, seconds| IssuedToken {
            jti: jti.to_owned(),
            name: "upload".to_owned(),
            sub: "build".to_owned(),
            created_at: now(),
            expires_at: now() + Duration::seconds(seconds),
        };
        for token in [made("a", 60), made("b", 3600)] {
            app.state.store.note_token(&token, &by()).await.unwrap();
        }
        for jti in ["a", "b", "c"] {
            revoke(&app, json!({ "jti": jti })).await;
        }
        assert_eq!(list(&app, "").await.json()["jtis"], json!([
            { "jti": "a", "exp": seconds() + 60 }, { "jti": "b", "exp": seconds() + 3600 },
            { "jti": "c", "exp": null },
        ]));
        hand.store(60, Ordering::SeqCst);
        assert_eq!(names(&list(&app, "").await.json()), ["b", "c"]);
        // Clocks differ, so that it stays in memory and in the database for a while.
        let kept = async || app.state.store.revocations_after(0, 10).await.unwrap().items.len();
        app.state.tokens.revocations().forget().await.unwrap();
        assert_eq!(kept().await, 3);
        hand.store(60 + 300, Ordering::SeqCst);
        app.state.tokens.revocations().forget().await.unwrap();
        assert_eq!(kept().await, 2);
    }

    async fn tokens_are_listed_in_pages(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let made = IssuedToken {
            jti: "b".to_owned(),
            name: "upload".to_owned(),
            sub: "build".to_owned(),
            created_at: now(),
            expires_at: now() + Duration::HOUR,
        };
        app.state.store.note_token(&made, &by()).await.unwrap();
        for jti in ["a", "c&d"] {
            revoke(&app, json!({ "jti": jti })).await;
        }
        let first = app.get("/tokens?limit=2").await;
        assert_eq!(first.json(), json!([
            { "jti": "a", "name": null, "sub": null, "created": null, "expires": null,
              "revoked": "2026-11-22T12:00:00.000Z" },
            { "jti": "b", "name": "upload", "sub": "build", "created": "2026-11-22T12:00:00.000Z",
              "expires": "2026-11-22T13:00:00.000Z", "revoked": null },
        ]));
        let link = first.header("link");
        let next = link.strip_prefix('<').and_then(|link| link.split('>').next()).unwrap();
        let second = app.get(&format!("/tokens{next}")).await;
        assert_eq!(second.json()[0]["jti"], "c&d");
        assert!(!second.headers.contains_key("link"));
        app.get("/tokens?cursor=%00").await.assert_problem(400, "bad-request");
        // Who revoked is in the audit log.
        let events = app.get("/audit?action=token.revoke").await.json();
        assert_eq!((&events[0]["subject"], &events[0]["detail"]), (&json!("c&d"), &json!("jti")));
        assert_eq!(events.as_array().unwrap().len(), 2);
    }
}
