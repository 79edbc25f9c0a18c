//! Ref tokens where the organisation's own system is asked: how, how often, and that neither silence nor
//! another's answer gives anything away.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use portolan::{clock::Clock, config::Config};
use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{
    fake_authority::{FakeAuthority, Said},
    grants::{STABLE, with_repos},
    receiver::SECRET,
    support::{Answer, TestApp, eventually, now},
};

const SILENT: &str = "authority-unavailable";

/// Seconds by which a test has moved the clock.
#[derive(Clone, Default)]
struct Moved(Arc<AtomicI64>);

impl Moved {
    fn clock(&self) -> Clock {
        let moved = self.0.clone();
        Clock::from_fn(move || now() + time::Duration::seconds(moved.load(Ordering::Relaxed)))
    }

    fn seconds(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

async fn started(database: TestDatabase) -> (TestApp, FakeAuthority, Moved) {
    // More than a busy machine needs: what is not answered is a test of its own.
    started_with(database, 9).await
}

async fn started_with(
    database: TestDatabase,
    timeout_seconds: u64,
) -> (TestApp, FakeAuthority, Moved) {
    let (authority, address) = FakeAuthority::start().await;
    authority.allow(&["app/a"]);
    let moved = Moved::default();
    let store = database.store.clone();
    let app = TestApp::start_at(
        store,
        database,
        asking(address, timeout_seconds),
        moved.clock(),
    )
    .await;
    with_repos(&app).await;
    (app, authority, moved)
}

fn asking(address: SocketAddr, timeout_seconds: u64) -> impl FnOnce(&mut Config) {
    move |config| {
        config.tokens.webhook.url = Some(format!("http://{address}/refs"));
        config.tokens.webhook.secret = Some(SECRET.to_owned().into());
        config.tokens.webhook.timeout_seconds = timeout_seconds;
        config.tokens.webhook.stale_if_error_seconds = 1000;
    }
}

async fn ask_as(app: &TestApp, key: &str, user: &str, refs: &[&str]) -> Answer {
    let wanted = |name: &&str| json!({ "collectionId": STABLE, "ref": name });
    let refs: Vec<Value> = refs.iter().map(wanted).collect();
    let request = app.request(Method::POST, "/ref_tokens").bearer_auth(key);
    app.send(request.json(&json!({ "user": user, "refs": refs })))
        .await
}

async fn ask(app: &TestApp, refs: &[&str]) -> Answer {
    ask_as(app, &app.admin, "alice", refs).await
}

/// The refs that are in tokens.
fn given(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    let tokens = body["tokens"].as_object().unwrap().values();
    let refs = tokens.flat_map(|refs| refs.as_array().unwrap().clone());
    refs.map(|name| name.as_str().unwrap().to_owned()).collect()
}

both_engines! {
    async fn it_is_asked_signed_and_once_for_as_long_as_it_says(database: TestDatabase) {
        let (app, authority, moved) = started(database).await;
        let answer = ask(&app, &["app/a", "app/b"]).await;
        assert_eq!(given(&answer), ["app/a"]);
        assert!(answer.json()["denied"][0]["reason"].as_str().unwrap().contains("does not allow"));
        assert_eq!(authority.questions(), [json!({ "user": "alice", "refs": [
            { "collectionId": STABLE, "ref": "app/a" }, { "collectionId": STABLE, "ref": "app/b" },
        ] })]);
        // A minute where it says nothing; only what is not known is asked.
        assert_eq!(given(&ask(&app, &["app/a", "app/c"]).await), ["app/a"]);
        assert_eq!(authority.questions()[1]["refs"], json!([{ "collectionId": STABLE, "ref": "app/c" }]));
        assert_eq!(given(&ask_as(&app, &app.admin, "bob", &["app/a"]).await), ["app/a"]);
        assert_eq!(authority.asked(), 3, "another user's answer is not this one's");
        moved.seconds(59);
        authority.allow(&[]);
        assert_eq!(given(&ask(&app, &["app/a"]).await), ["app/a"]);
        moved.seconds(1);
        authority.say(&[Said::Allowed("max-age=5"), Said::Allowed("no-store")]);
        assert_eq!(given(&ask(&app, &["app/a"]).await), [""; 0]);
        authority.allow(&["app/a"]);
        moved.seconds(4);
        assert_eq!(given(&ask(&app, &["app/a"]).await), [""; 0]);
        moved.seconds(1);
        let before = authority.asked();
        for _ in 0..2 {
            assert_eq!(given(&ask(&app, &["app/a"]).await), ["app/a"]);
        }
        assert_eq!(authority.asked(), before + 2, "what must not be stored is asked again");
    }

    async fn while_it_is_down_its_last_answers_go_on(database: TestDatabase) {
        let (app, authority, moved) = started(database).await;
        assert_eq!(given(&ask(&app, &["app/a", "app/b"]).await), ["app/a"]);
        moved.seconds(61);
        authority.say(&[Said::Text(500, String::new())]);
        let answer = ask(&app, &["app/a", "app/b", "app/new"]).await;
        assert_eq!(given(&answer), ["app/a"]);
        let reasons: Vec<_> = answer.json()["denied"].as_array().unwrap().iter()
            .map(|one| one["reason"].as_str().unwrap().contains("does not answer")).collect();
        assert_eq!(reasons, [false, true]);
        // Of what it never spoke, nobody says "no" in its place.
        let other = ask_as(&app, &app.admin, "bob", &["app/a"]);
        authority.say(&[Said::Text(500, String::new())]);
        let refused = other.await;
        refused.assert_problem(503, SILENT);
        assert_eq!(refused.header("retry-after"), "5");
        moved.seconds(1000);
        authority.say(&[Said::Text(500, String::new())]);
        ask(&app, &["app/a"]).await.assert_problem(503, SILENT);
        eventually("it is asked again, and answers", || async {
            ask(&app, &["app/a"]).await.status == 200
        }).await;
    }

    async fn what_is_no_answer_grants_nothing(database: TestDatabase) {
        let (app, authority, _) = started_with(database, 1).await;
        authority.allow(&["app/a", "app/b"]);
        let text = |status, text: &str| Said::Text(status, text.to_owned());
        let all = r#"{"allowed":["app/a"]}"#;
        for (n, said) in [
            text(307, all), text(302, all), text(401, all), text(404, all), text(500, all),
            text(200, ""), text(200, "[]"), text(200, "true"), text(200, r#"{"allowed":true}"#),
            text(200, r#"{"allow":["app/a"]}"#), text(200, r#"{"allowed":[["a"]]}"#),
            text(200, &format!("{all}{}", " ".repeat(1 << 20))), Said::Silence,
        ].into_iter().enumerate() {
            authority.say(&[said]);
            let refused = ask_as(&app, &app.admin, &format!("user{n}"), &["app/a"]).await;
            refused.assert_problem(503, SILENT);
        }
        assert_eq!(authority.strays(), 0, "a redirect was followed");
    }

    async fn an_answer_to_another_question_grants_nothing(database: TestDatabase) {
        let (app, authority, _) = started(database).await;
        let replayed = json!({ "user": "mallory", "allowed": [
            { "collectionId": STABLE, "ref": "app/other" }, { "collectionId": "org.other.Stable", "ref": "app/a" },
            "app/other", "app/*", "*",
        ] });
        authority.say(&[Said::Text(200, replayed.to_string())]);
        assert_eq!(given(&ask(&app, &["app/a"]).await), [""; 0]);
        // Nor is what was not asked remembered.
        assert_eq!(given(&ask(&app, &["app/other"]).await), [""; 0]);
        assert_eq!(authority.asked(), 2);
    }

    async fn those_who_ask_the_same_at_once_ask_once(database: TestDatabase) {
        let (app, authority, _) = started(database).await;
        let (gate, refs) = (Arc::new(Notify::new()), ["app/a"]);
        *authority.held.lock().unwrap() = Some(gate.clone());
        let asking = futures_util::future::join_all((0..20).map(|_| ask(&app, &refs)));
        let opening = async {
            eventually("it is asked", || async { authority.asked() == 1 }).await;
            gate.notify_one();
        };
        let (answers, ()) = tokio::join!(asking, opening);
        assert!(answers.iter().all(|answer| given(answer) == ["app/a"]));
        assert_eq!(authority.asked(), 1);
    }

    async fn an_issuer_asks_of_his_owners_collections_alone(database: TestDatabase) {
        let (app, authority, _) = started(database).await;
        let other = app.key(Role::Issuer, &["other"]).await;
        let answer = ask_as(&app, &other, "alice", &["app/a"]).await;
        assert_eq!(given(&answer), [""; 0]);
        assert!(answer.json()["denied"][0]["reason"].as_str().unwrap().contains("no repository"));
        assert_eq!(authority.asked(), 0);
        let own = app.key(Role::Issuer, &["acme"]).await;
        assert_eq!(given(&ask_as(&app, &own, "alice", &["app/a"]).await), ["app/a"]);
    }
}
