//! Batches of grants over HTTP: all or nothing, each refusal with its line.

use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    grants::{STABLE, with_repos},
    support::{Answer, TestApp},
};

async fn started(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    with_repos(&app).await;
    app
}

async fn batch(app: &TestApp, query: &str, lines: impl Into<String>) -> Answer {
    let path = format!("/owners/acme/grants/batch{query}");
    let request = app.request(Method::POST, &path).bearer_auth(&app.admin);
    let request = request.header("content-type", "application/x-ndjson");
    app.send(request.body(lines.into())).await
}

fn line(user: &str, refs: &[&str]) -> String {
    let line = json!({ "user": user, "collectionId": STABLE, "refs": refs });
    format!("{line}\n")
}

fn counts(created: u64, updated: u64, unchanged: u64, removed: u64) -> Value {
    json!({ "created": created, "updated": updated, "unchanged": unchanged, "removed": removed })
}

async fn refs_of(app: &TestApp, user: &str) -> Value {
    let granted = app.get(&format!("/owners/acme/grants/{user}")).await.json();
    granted[0]["refs"].clone()
}

both_engines! {
    async fn a_batch_is_brought_to_what_it_says(database: TestDatabase) {
        let app = started(database).await;
        let first = line("alice", &["app/a", "app/b/*"]) + "\r\n\n" + &line("bob", &["app/a"]);
        assert_eq!(batch(&app, "", &*first).await.json(), counts(3, 0, 0, 0));
        assert_eq!(batch(&app, "?replace=true", &*first).await.json(), counts(0, 0, 3, 0));
        assert_eq!(refs_of(&app, "alice").await, json!(["app/a", "app/b/*"]));
        let until = json!({
            "user": "bob", "collectionId": STABLE, "refs": ["app/a"], "until": "2027-01-01T00:00:00Z",
        });
        assert_eq!(batch(&app, "", until.to_string()).await.json(), counts(0, 1, 0, 0));
        let next = line("alice", &["app/b/*"]) + &line("alice", &["app/c"]);
        assert_eq!(batch(&app, "?replace=true", next).await.json(), counts(1, 0, 1, 2));
        assert_eq!(refs_of(&app, "alice").await, json!(["app/b/*", "app/c"]));
        assert_eq!(refs_of(&app, "bob").await, Value::Null);
        assert_eq!(batch(&app, "?replace=true", "").await.json(), counts(0, 0, 0, 2));
    }

    async fn the_line_that_is_refused_is_named_and_nothing_is_stored(database: TestDatabase) {
        let app = started(database).await;
        batch(&app, "", line("before", &["app/a"])).await;
        let foreign = |collection: &str| {
            json!({ "user": "x", "collectionId": collection, "refs": ["a"] }).to_string()
        };
        let (invalid, not_owned) = ("batch-line-invalid", "collection-not-owned");
        for (second, status, slug, says) in [
            (line("alice", &["app/a"]), 400, invalid, "earlier line"),
            (line("x", &["app/*a"]), 400, invalid, "one whole segment"),
            (line("x", &[]), 400, invalid, "refs is empty"),
            (line("", &["a"]), 400, invalid, "a user must be"),
            ("[\"x\"]".to_owned(), 400, invalid, "no JSON object"),
            ("{\"user\":\"x\"}".to_owned(), 400, invalid, "missing field"),
            (line("x", &[&"a/".repeat(20_000)]), 400, invalid, "longer than"),
            (foreign("org.other.Stable"), 403, not_owned, "org.other.Stable"),
            (foreign("org.nobody.Stable"), 403, not_owned, "org.nobody.Stable"),
        ] {
            let lines = format!("\n{}{}\n{}", line("alice", &["app/a"]), second.trim(), line("z", &["a"]));
            let refused = batch(&app, "?replace=true", lines).await;
            let body = refused.assert_problem(status, slug);
            assert_eq!(body["line"], 3, "{second}");
            assert!(body["detail"].as_str().unwrap().contains(says), "{body}");
            assert_eq!(refs_of(&app, "before").await, json!(["app/a"]));
            assert_eq!(refs_of(&app, "alice").await, Value::Null);
        }
    }

    async fn ten_thousand_users_come_at_once(database: TestDatabase) {
        let app = started(database).await;
        let lines: String = (0..10_000)
            .map(|n| line(&format!("user{n}"), &["app/a/*/stable", "app/b"]))
            .collect();
        assert_eq!(batch(&app, "", &*lines).await.json(), counts(20_000, 0, 0, 0));
        let half: String = lines.split_inclusive('\n').step_by(2).collect();
        assert_eq!(batch(&app, "?replace=true", half).await.json(), counts(0, 0, 10_000, 10_000));
        assert_eq!(refs_of(&app, "user9998").await, json!(["app/a/*/stable", "app/b"]));
        assert_eq!(refs_of(&app, "user9999").await, Value::Null);
    }

    async fn it_comes_as_lines_and_from_whom_it_may(database: TestDatabase) {
        let app = started(database).await;
        let send = async |owner: &str, kind: &str, key: &str| {
            let request = app.request(Method::POST, &format!("/owners/{owner}/grants/batch"));
            let request = request.bearer_auth(key).header("content-type", kind);
            app.send(request.body(line("a", &["a"]))).await
        };
        let (lines, own) = ("application/x-ndjson", app.key(Role::Issuer, &["acme"]).await);
        assert_eq!(send("acme", lines, &own).await.status, 200);
        send("acme", "text/csv", &own).await.assert_problem(415, "unsupported-media-type");
        send("other", lines, &own).await.assert_problem(403, "forbidden");
        send("nobody", lines, &app.admin).await.assert_problem(404, "owner-not-found");
        let manager = app.key(Role::Manager, &["acme"]).await;
        send("acme", lines, &manager).await.assert_problem(403, "forbidden");
    }
}
