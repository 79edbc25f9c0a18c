//! Every refusal is a problem, the framework's own included, and nothing inner is told.

use portolan_storage::both_engines;
use reqwest::Method;
use serde_json::json;

use super::support::TestApp;

both_engines! {
    async fn what_the_framework_refuses_is_a_problem_too(database: TestDatabase) {
        let app = TestApp::start(database).await;
        app.get("/nowhere").await.assert_problem(404, "route-not-found");
        app.get("/candlepin/nowhere").await.assert_problem(404, "route-not-found");
        let wrong = app.json(Method::PATCH, "/owners", json!({})).await;
        wrong.assert_problem(405, "method-not-allowed");
        assert!(wrong.header("allow").contains("POST"));
        app.get("/owners/%ff").await.assert_problem(400, "bad-request");
        app.get("/owners/a%20b").await.assert_problem(400, "bad-request");
        app.get("/owners/a%2Fb").await.assert_problem(400, "bad-request");
        app.get("/owners?limit=1&limit=2").await.assert_problem(400, "bad-request");
        let post = |body: &'static str, kind: &'static str| {
            let request = app.request(Method::POST, "/owners").bearer_auth(&app.admin);
            app.send(request.header("content-type", kind).body(body))
        };
        post("{", "application/json").await.assert_problem(400, "bad-request");
        post("{\"key\":1}", "application/json").await.assert_problem(400, "bad-request");
        post("[\"acme\", null]", "application/json").await.assert_problem(400, "bad-request");
        post("key=a", "application/x-www-form-urlencoded")
            .await
            .assert_problem(415, "unsupported-media-type");
        let large = app.json(Method::POST, "/owners", json!({"key": "x".repeat(2 << 20)})).await;
        large.assert_problem(413, "body-too-large");
    }

    async fn a_request_keeps_its_id(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let ask = |id: &'static str| {
            let request = app.request(Method::GET, "/nowhere").header("x-request-id", id);
            app.send(request)
        };
        assert_eq!(ask("abc.DEF:1-2_3").await.json()["requestId"], "abc.DEF:1-2_3");
        let new = ask("not harmless <script>").await;
        let id = new.assert_problem(404, "route-not-found")["requestId"].clone();
        assert_eq!(id.as_str().unwrap().len(), 36);
        assert_eq!(app.get("/status").await.header("x-request-id").len(), 36);
    }

    async fn the_service_says_what_it_is(database: TestDatabase) {
        let app = TestApp::start(database).await;
        for path in ["/status", "/candlepin/status"] {
            let status = app.get(path).await.json();
            assert_eq!(status["result"], true);
            assert_eq!(status["mode"], "NORMAL");
            assert_eq!(status["timeUTC"], "2026-11-22T12:00:00.000Z");
        }
        let document = app.get("/openapi.json").await.json();
        assert_eq!(document["openapi"], "3.1.0");
        let page = app.get("/docs/").await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("swagger-ui"));
        assert_eq!(app.get("/health/live").await.json()["status"], "up");
    }

    async fn an_early_refusal_reaches_a_client_that_still_sends(database: TestDatabase) {
        let app = TestApp::start(database).await;
        for size in [100, 300 << 10, 5 << 20] {
            for _ in 0..10 {
                let request = app.request(Method::POST, "/owners/acme/imports");
                let request = request.header("content-type", "application/zip");
                app.send(request.body(vec![0; size])).await.assert_problem(401, "unauthorized");
                let missing = app.import("nobody", vec![0; size], "").await;
                missing.assert_problem(404, "owner-not-found");
            }
        }
    }
}
