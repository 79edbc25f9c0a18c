//! Repositories and their commits over HTTP: who may say what of which.

use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Answer, TestApp};

async fn started(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    for owner in ["acme", "other"] {
        app.owner(owner).await;
    }
    app
}

fn settings(owner: &str, collection: &str) -> Value {
    json!({
        "ownerKey": owner, "collectionId": collection,
        "requireAuthForTokenTypes": [1], "defaultTokenType": 1,
    })
}

async fn put(app: &TestApp, key: &str, name: &str, body: &Value) -> Answer {
    let request = app.request(Method::PUT, &format!("/repos/{name}"));
    app.send(request.bearer_auth(key).json(body)).await
}

async fn sync(app: &TestApp, query: &str, lines: &str) -> Answer {
    let request = app.request(Method::PUT, &format!("/repos/stable/commits{query}"));
    let request = request
        .bearer_auth(&app.admin)
        .header("content-type", "application/x-ndjson");
    app.send(request.body(lines.to_owned())).await
}

fn line(commit: &str, rest: &str) -> String {
    format!("{{\"commit\":\"{}\",{rest}}}\n", commit.repeat(32))
}

both_engines! {
    async fn a_repository_is_put_listed_and_deleted(database: TestDatabase) {
        let app = started(database).await;
        let made = put(&app, &app.admin, "stable", &settings("acme", "org.acme.Stable")).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let made = made.json();
        for (field, value) in settings("acme", "org.acme.Stable").as_object().unwrap() {
            assert_eq!(&made[field], value);
        }
        assert_eq!(made["name"], "stable");
        assert_eq!(app.get("/repos/stable").await.json(), made);
        let again = put(&app, &app.admin, "stable", &made).await;
        assert_eq!(again.json(), made, "what was read is taken back");
        let open = json!({ "ownerKey": "acme", "collectionId": "org.acme.Open" });
        let open = put(&app, &app.admin, "open", &open).await.json();
        assert_eq!(open["requireAuthForTokenTypes"], json!([]));
        assert_eq!(open["defaultTokenType"], 0);
        let page = app.get("/repos?limit=1").await;
        assert_eq!(page.json()[0]["name"], "open");
        assert_eq!(page.header("link"), "<?limit=1&cursor=open>; rel=\"next\"");
        assert_eq!(app.get("/repos?cursor=open").await.json()[0]["name"], "stable");
        app.get("/repos?cursor=a/b").await.assert_problem(400, "bad-request");
        assert_eq!(app.delete("/repos/stable").await.status, 204);
        assert_eq!(app.delete("/repos/stable").await.status, 204);
        app.get("/repos/stable").await.assert_problem(404, "repo-not-found");
    }

    async fn what_is_no_repository_is_refused(database: TestDatabase) {
        let app = started(database).await;
        let good = settings("acme", "org.acme.Stable");
        for name in ["objects", "deltas", ".hidden", "a%20b", "a%2Fb"] {
            put(&app, &app.admin, name, &good).await.assert_problem(400, "bad-request");
        }
        for (field, value) in [
            ("collectionId", json!("acme")), ("collectionId", json!(null)),
            ("requireAuthForTokenTypes", json!([-1])), ("requireAuthForTokenTypes", json!("1")),
            ("defaultTokenType", json!(4_294_967_296_i64)), ("requireAuthFor", json!([1])),
            ("name", json!("other")), ("ownerKey", json!("a b")),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            put(&app, &app.admin, "stable", &bad).await.assert_problem(400, "bad-request");
        }
        let nobody = put(&app, &app.admin, "stable", &settings("nobody", "org.x.Y")).await;
        nobody.assert_problem(404, "owner-not-found");
    }

    async fn names_and_collections_are_their_owners(database: TestDatabase) {
        let app = started(database).await;
        let acme = app.key(Role::Manager, &["acme"]).await;
        let other = app.key(Role::Manager, &["other"]).await;
        let auditor = app.key(Role::Auditor, &["other"]).await;
        let made = put(&app, &acme, "stable", &settings("acme", "org.acme.Stable")).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let foreign = put(&app, &other, "mine", &settings("acme", "org.acme.Stable")).await;
        foreign.assert_problem(403, "forbidden");
        let name = put(&app, &other, "stable", &settings("other", "org.other.Stable")).await;
        name.assert_problem(409, "repo-in-use");
        let collection = put(&app, &other, "mine", &settings("other", "org.acme.Stable")).await;
        collection.assert_problem(409, "collection-in-use");
        for (method, path) in [
            (Method::GET, "/repos/stable"), (Method::DELETE, "/repos/stable"),
            (Method::PUT, "/repos/stable/commits"), (Method::GET, "/repos/nowhere"),
        ] {
            let request = app.request(method, path).bearer_auth(&other);
            app.send(request).await.assert_problem(403, "forbidden");
        }
        let list = async |key: &str| {
            app.send(app.request(Method::GET, "/repos").bearer_auth(key)).await.json()
        };
        assert_eq!(list(&other).await, json!([]));
        assert_eq!(list(&auditor).await, json!([]));
        assert_eq!(list(&acme).await[0]["name"], "stable");
        let events = app.get("/audit?action=repo.put").await.json();
        assert_eq!(events[0]["ownerKey"], "acme");
    }

    async fn commits_are_synced_all_or_none(database: TestDatabase) {
        let app = started(database).await;
        sync(&app, "", "").await.assert_problem(404, "repo-not-found");
        put(&app, &app.admin, "stable", &settings("acme", "org.acme.Stable")).await;
        let counts = |created: u64, updated: u64, unchanged: u64, removed: u64| json!({
            "created": created, "updated": updated, "unchanged": unchanged, "removed": removed,
        });
        let first = line("a1", "\"refs\":[\"app/x\"]") + "\n" + &line("a2", "\"refs\":[\"r\"],\"tokenType\":2");
        assert_eq!(sync(&app, "", &first).await.json(), counts(2, 0, 0, 0));
        assert_eq!(sync(&app, "?replace=true", &first).await.json(), counts(0, 0, 2, 0));
        let next = line("a2", "\"refs\":[\"r\",\"s\"],\"tokenType\":2") + &line("a3", "\"refs\":[\"r\"]");
        assert_eq!(sync(&app, "", &next).await.json(), counts(1, 1, 0, 0));
        for (bad, says) in [
            (line("a1", "\"refs\":[\"x\"]"), "the commit a1"),
            (line("zz", "\"refs\":[\"x\"]"), "a commit must be"),
            (line("a4", "\"refs\":[]"), "refs is empty"),
            (line("a4", "\"refs\":[\"a,b\"]"), "a ref must be"),
            (line("a4", "\"refs\":[\"a\"],\"tokentype\":1"), "unknown field"),
            ("[]\n".to_owned(), "no JSON object"),
        ] {
            let lines = format!("\n{}{bad}", line("a1", "\"refs\":[\"r\"]"));
            let refused = sync(&app, "?replace=true", &lines).await;
            let body = refused.assert_problem(400, "batch-line-invalid");
            assert_eq!(body["line"], 3, "{bad}");
            assert!(body["detail"].as_str().unwrap().contains(says), "{body}");
        }
        assert_eq!(sync(&app, "?replace=true", &next).await.json(), counts(0, 0, 2, 1));
        let events = app.get("/audit?action=repo.sync").await.json();
        assert_eq!((&events[0]["subject"], &events[0]["count"]), (&json!("stable"), &json!(1)));
    }
}
