//! Owners over HTTP.

use portolan_storage::both_engines;
use reqwest::Method;
use serde_json::json;

use super::support::TestApp;

both_engines! {
    async fn are_created_renamed_and_deleted(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let created = app.json(Method::POST, "/owners", json!({"key": "acme"})).await;
        assert_eq!(created.status, 200);
        assert_eq!(created.json()["displayName"], "acme");
        assert_eq!(created.json()["upstreamConsumer"], json!(null));
        let again = app.json(Method::POST, "/candlepin/owners", json!({"key": "acme"})).await;
        again.assert_problem(409, "already-exists");
        let renamed = app.json(Method::PUT, "/owners/acme", json!({"displayName": "ACME"})).await;
        assert_eq!(renamed.json()["displayName"], "ACME");
        assert_eq!(app.get("/owners/acme").await.json()["displayName"], "ACME");
        assert_eq!(app.delete("/owners/acme").await.status, 204);
        assert_eq!(app.delete("/owners/acme").await.status, 204);
        app.get("/owners/acme").await.assert_problem(404, "owner-not-found");
        let missing = app.json(Method::PUT, "/owners/acme", json!({"displayName": "A"})).await;
        missing.assert_problem(404, "owner-not-found");
    }

    async fn a_list_goes_on_where_its_link_points(database: TestDatabase) {
        let app = TestApp::start(database).await;
        for number in 0..5 {
            app.owner(&format!("owner-{number}")).await;
        }
        let mut path = "/owners?limit=2".to_owned();
        let mut found = Vec::new();
        loop {
            let page = app.get(&path).await;
            let owners = page.json();
            found.extend(owners.as_array().unwrap().iter().map(|o| o["key"].clone()));
            let Some(link) = page.headers.get("link") else {
                break;
            };
            let link = link.to_str().unwrap();
            let query = link.strip_prefix('<').and_then(|l| l.split_once(">; rel=\"next\""));
            path = format!("/owners{}", query.unwrap().0);
        }
        assert_eq!(found, ["owner-0", "owner-1", "owner-2", "owner-3", "owner-4"]);
        for limit in ["", "0", "1001", "-1", "x"] {
            let refused = app.get(&format!("/owners?limit={limit}")).await;
            refused.assert_problem(400, "bad-request");
        }
    }

    async fn a_key_is_a_word(database: TestDatabase) {
        let app = TestApp::start(database).await;
        for bad in ["", "a b", "a/b", "ä", &"x".repeat(256)] {
            let refused = app.json(Method::POST, "/owners", json!({"key": bad})).await;
            refused.assert_problem(400, "bad-request");
        }
        app.owner(&"x".repeat(255)).await;
    }
}
