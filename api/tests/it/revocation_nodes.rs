//! Revocations on several nodes, and while the database is away.

use std::time::{Duration, Instant};

use portolan::{
    clock::Clock,
    config::KidFormat,
    metrics::WorkFigures,
    tokens::{Revocations, SubsetError, Tokens},
};
use portolan_domain::token::{Subset, TokenKind};
use portolan_storage::{MasterKey, Store, both_engines};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    desk::{Desk, serve},
    outage::linked,
    support::{TestApp, eventually, now},
    tokens::{access, is_active, parent},
};

const SECOND: Duration = Duration::from_secs(1);

both_engines! {
    async fn a_revocation_counts_on_the_other_node_within_a_second(database: TestDatabase) {
        let first = TestApp::start(database.clone()).await;
        let master = MasterKey::read(&database.folder.path().join("master.key")).unwrap();
        let store = Store::connect(&database.settings, master).await.unwrap();
        let clock = Clock::from_fn(now);
        let second = TestApp::start_named(store, database, |_| {}, clock, "second").await;
        for (number, body) in [json!({ "jti": "parents-id" }), json!({ "sub": "other" })].into_iter().enumerate() {
            let mut claims = parent();
            if number == 1 {
                (claims.jti, claims.sub) = (Some("another".to_owned()), "other".to_owned());
            }
            let token = access(&first, &claims).await;
            assert!(is_active(&second, &token).await);
            let begun = Instant::now();
            assert_eq!(first.json(Method::POST, "/tokens/revoke", body).await.status, 204);
            assert!(!is_active(&first, &token).await, "at once, where it was revoked");
            eventually("it is revoked on the other node", async || !is_active(&second, &token).await).await;
            // The machine may be busy: twice the second that is promised.
            assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
        }
        let listed = second.send(second.request(Method::GET, "/revocations")).await.json();
        assert_eq!(listed["jtis"][0]["jti"], "parents-id");
    }

    async fn a_node_that_starts_knows_what_was_revoked_before(database: TestDatabase) {
        let first = TestApp::start(database.clone()).await;
        let token = access(&first, &parent()).await;
        let body = json!({ "jti": "parents-id" });
        assert_eq!(first.json(Method::POST, "/tokens/revoke", body).await.status, 204);
        let store = database.store.clone();
        let clock = Clock::from_fn(now);
        // Nobody has read anything for it yet: the first token that is shown does.
        let revocations = Revocations::new(store.clone(), clock.clone());
        let tokens = Tokens::new(store, clock, ("here".to_owned(), KidFormat::default()), (revocations, WorkFigures::default()));
        assert!(!tokens.revocations().known_within(SECOND));
        let refused = tokens.verify(&token, &[TokenKind::Access]).await.unwrap_err();
        assert_eq!(refused.to_string(), "it was revoked");
    }

    async fn no_token_is_made_where_revocations_are_not_known(database: TestDatabase) {
        let app = TestApp::start(database.clone()).await;
        let token = access(&app, &parent()).await;
        let verified = app.state.tokens.verify(&token, &[TokenKind::Access]).await.unwrap();
        let (store, clock) = (database.store.clone(), Clock::from_fn(now));
        let revocations = Revocations::new(store.clone(), clock.clone());
        let tokens = Tokens::new(store, clock, ("here".to_owned(), KidFormat::default()), (revocations, WorkFigures::default()));
        let asked = Subset { sub: "build".to_owned(), duration: 1, ..Subset::default() };
        let refused = tokens.subset(&verified, &asked).await;
        assert!(matches!(refused, Err(SubsetError::RevocationsUnknown)), "{refused:?}");
        tokens.revocations().be_read().await.unwrap();
        tokens.subset(&verified, &asked).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_what_was_revoked_stays_so() {
    let (app, link) = linked().await;
    let good = access(&app, &parent()).await;
    let mut claims = parent();
    claims.jti = Some("bad".to_owned());
    let bad = access(&app, &claims).await;
    let revoke = async |jti: &str| {
        let body = json!({ "jti": jti });
        app.json(Method::POST, "/tokens/revoke", body).await
    };
    assert_eq!(revoke("bad").await.status, 204);
    let revocations = app.state.tokens.revocations();
    assert!(is_active(&app, &good).await && revocations.known_within(SECOND));
    link.open.send_replace(false);
    eventually("nothing new is known", async || {
        !revocations.known_within(SECOND)
    })
    .await;
    assert!(
        revocations.known_within(60 * SECOND),
        "tokens are still made"
    );
    assert!(is_active(&app, &good).await);
    assert!(!is_active(&app, &bad).await);
    let list = app
        .send(app.request(Method::GET, "/revocations"))
        .await
        .json();
    assert_eq!(list["jtis"][0]["jti"], "bad");
    // The clock stands still, so that the list is complete up to an earlier instant.
    assert!(
        list["now"].as_str().unwrap() < "2026-11-22T12:00:00.000Z",
        "{list}"
    );
    revoke("parents-id")
        .await
        .assert_problem(503, "unavailable");
    link.open.send_replace(true);
    eventually("it is known again", async || {
        revocations.known_within(SECOND)
    })
    .await;
    eventually("it can be revoked", async || {
        revoke("parents-id").await.status == 204
    })
    .await;
    assert!(!is_active(&app, &good).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_revokes_beside_a_running_server() {
    let desk = Desk::new();
    let create = [
        "token",
        "create",
        "--sub",
        "build",
        "--scope",
        "build",
        "--duration",
        "1h",
    ];
    let made = desk
        .json(&[&create[..], &["--name", "upload"]].concat())
        .await;
    let (jti, token) = (
        made["jti"].as_str().unwrap(),
        made["token"].as_str().unwrap(),
    );
    let key = desk.done(&["key", "create", "--role", "issuer"]).await;
    let (_server, url) = serve(&desk).await;
    let client = reqwest::Client::new();
    let active = async || {
        let request = client.post(format!("{url}/introspect")).bearer_auth(&key);
        let answer = request.form(&[("token", token)]).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["active"] == true
    };
    assert!(active().await);
    let listed = desk.json(&["token", "list"]).await;
    assert_eq!(
        (&listed[0]["jti"], &listed[0]["revoked"]),
        (&json!(jti), &Value::Null)
    );
    let revoked = desk.json(&["token", "revoke", "--jti", jti]).await;
    assert_eq!(revoked, json!({ "revoked": { "jti": jti } }));
    eventually("the server knows it", async || !active().await).await;
    let listed = desk.done(&["token", "list"]).await;
    assert!(
        listed.contains("upload") && listed.contains(jti),
        "{listed}"
    );
    for (option, value) in [
        ("--sub", "build"),
        ("--user", "alice"),
        ("--issued-before", "2026-01-01T00:00:00Z"),
    ] {
        desk.done(&["token", "revoke", option, value]).await;
    }
    let list = client.get(format!("{url}/revocations"));
    eventually("the list has them", async || {
        let answer = list.try_clone().unwrap().send().await.unwrap();
        let list = answer.json::<Value>().await.unwrap();
        list["users"][0]["user"] == "alice" && list["issuedBefore"] == "2026-01-01T00:00:00.000Z"
    })
    .await;
    desk.refused(
        1,
        &["token", "revoke", "--issued-before", "2999-01-01T00:00:00Z"],
    )
    .await;
    for wrong in [
        &[][..],
        &["--jti", "a", "--sub", "b"],
        &["--issued-before", "soon"],
    ] {
        desk.refused(2, &[&["token", "revoke"], wrong].concat())
            .await;
    }
}
