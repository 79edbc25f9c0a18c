//! Batches of registrations over HTTP: streamed, all or none, each refusal with its line.

use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::{Body, Method};
use serde_json::{Value, json};

use super::{
    manifests::{CA, manifest},
    support::{Answer, TestApp},
};

async fn started(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    for owner in ["acme", "other"] {
        app.owner(owner).await;
        let imported = app.import(owner, manifest(owner, 2), "").await;
        assert_eq!(imported.status, 200, "{}", imported.text);
    }
    app
}

async fn batch(app: &TestApp, query: &str, lines: impl Into<Body>) -> Answer {
    let path = format!("/owners/acme/entitlements/batch{query}");
    let request = app.request(Method::POST, &path).bearer_auth(&app.admin);
    let request = request.header("content-type", "application/x-ndjson");
    app.send(request.body(lines)).await
}

fn counts(created: u64, updated: u64, unchanged: u64, removed: u64) -> Value {
    json!({ "created": created, "updated": updated, "unchanged": unchanged, "removed": removed })
}

async fn downstream(app: &TestApp) -> Vec<Value> {
    let list = app
        .get("/owners/acme/entitlements?kind=DOWNSTREAM&limit=1000")
        .await;
    let list = list.json();
    let list = list.as_array().unwrap().iter();
    list.map(|item| json!([item["id"], item["poolId"], item["upstreamEntitlementId"]]))
        .collect()
}

both_engines! {
    async fn a_batch_is_brought_to_what_it_says(database: TestDatabase) {
        let app = started(database).await;
        let first = "{\"id\":\"a\",\"poolId\":\"pool-acme-0\"}\r\n\n\
                     {\"id\":\"b\",\"upstreamEntitlementId\":\"acme-1\"}\n{\"id\":\"c\"}";
        assert_eq!(batch(&app, "", first).await.json(), counts(3, 0, 0, 0));
        assert_eq!(batch(&app, "?replace=true", first).await.json(), counts(0, 0, 3, 0));
        for id in ["a", "b", "c"] {
            assert_eq!(app.get(&format!("/entitlements/{id}/cdn_info")).await.status, 200);
        }
        let next = "{\"id\":\"b\"}\n{\"id\":\"d\",\"poolId\":\"pool-acme-1\"}\n";
        assert_eq!(batch(&app, "", next).await.json(), counts(1, 1, 0, 0));
        assert_eq!(batch(&app, "?replace=true", next).await.json(), counts(0, 0, 2, 2));
        assert_eq!(downstream(&app).await,
            [json!(["b", null, null]), json!(["d", "pool-acme-1", null])]);
        let gone = app.get("/entitlements/a/cdn_info").await;
        gone.assert_problem(404, "entitlement-not-found");
        assert_eq!(batch(&app, "", "").await.json(), counts(0, 0, 0, 0));
        assert_eq!(batch(&app, "?replace=true", "\n").await.json(), counts(0, 0, 0, 2));
        let events = app.get("/audit?action=entitlement.register").await.json();
        let detail = "a batch: 0 created, 0 updated, 2 removed";
        assert_eq!((&events[0]["detail"], &events[0]["count"]), (&json!(detail), &json!(2)));
        assert_eq!(events.as_array().unwrap().len(), 4, "nothing done is no event");
    }

    async fn a_line_that_is_refused_is_named_and_nothing_is_stored(database: TestDatabase) {
        let app = started(database).await;
        let path = "/owners/other/entitlements/taken";
        assert_eq!(app.json(Method::PUT, path, json!({})).await.status, 200);
        assert_eq!(batch(&app, "", "{\"id\":\"before\"}").await.status, 200);
        let (line, use_) = ("batch-line-invalid", "entitlement-id-in-use");
        let long = format!("{{\"id\":\"x\"{}}}", " ".repeat(5000));
        for (second, status, slug, says) in [
            ("{\"id\":\"a\"}", 400, line, "earlier line"),
            ("{\"id\":\"x\",\"poolId\":\"nowhere\"}", 400, line, "no pool nowhere"),
            ("{\"id\":\"x\",\"poolId\":\"pool-other-0\"}", 400, line, "no pool"),
            ("{\"id\":\"x\",\"upstreamEntitlementId\":\"other-0\"}", 400, line, "no upstream"),
            ("{\"id\":\"x\",\"poolId\":\"p\",\"upstreamEntitlementId\":\"e\"}", 400, line, "both"),
            ("{\"id\":\"x\",\"pool\":\"p\"}", 400, line, "unknown field"),
            ("{\"id\":\"x,O\"}", 400, line, "an entitlement id must be"),
            ("[\"x\"]", 400, line, "no JSON object"),
            ("nonsense", 400, line, "no JSON object"),
            (&long, 400, line, "longer than"),
            ("{\"id\":\"taken\"}", 409, use_, "taken"),
            ("{\"id\":\"acme-0\"}", 409, use_, "acme-0"),
        ] {
            let lines = format!("\n{{\"id\":\"a\"}}\n\n{second}\n{{\"id\":\"z\"}}\n");
            let refused = batch(&app, "?replace=true", lines).await;
            let body = refused.assert_problem(status, slug);
            assert_eq!(body["line"], 4, "{second}");
            assert!(body["detail"].as_str().unwrap().contains(says), "{body}");
            assert_eq!(downstream(&app).await, [json!(["before", null, null])], "{second}");
        }
    }

    async fn it_comes_as_lines_and_to_whom_it_may(database: TestDatabase) {
        let app = started(database).await;
        let path = "/owners/acme/entitlements/batch";
        let send = async |kind: Option<&str>, key: &str| {
            let mut request = app.request(Method::POST, path).bearer_auth(key);
            if let Some(kind) = kind {
                request = request.header("content-type", kind);
            }
            app.send(request.body("{\"id\":\"a\"}")).await
        };
        for kind in [
            "application/x-ndjson; charset=utf-8", "application/ndjson", "application/jsonl",
            "application/json", "text/plain", "application/octet-stream",
        ] {
            assert_eq!(send(Some(kind), &app.admin).await.status, 200, "{kind}");
        }
        assert_eq!(send(None, &app.admin).await.status, 200);
        for kind in ["application/zip", "multipart/form-data; boundary=X", "text/csv"] {
            send(Some(kind), &app.admin).await.assert_problem(415, "unsupported-media-type");
        }
        let stranger = app.key(Role::Manager, &["other"]).await;
        send(Some("text/csv"), &stranger).await.assert_problem(403, "forbidden");
        let nobody = app.request(Method::POST, "/owners/nobody/entitlements/batch");
        let nobody = app.send(nobody.bearer_auth(&app.admin).body("")).await;
        nobody.assert_problem(404, "owner-not-found");
    }

    async fn twenty_thousand_come_at_once(database: TestDatabase) {
        let app = started(database).await;
        let line = |n: u32| format!("{{\"id\":\"n{n}\",\"poolId\":\"pool-acme-{}\"}}\n", n % 2);
        let lines: String = (0..20_000).map(line).collect();
        assert_eq!(batch(&app, "", lines.clone()).await.json(), counts(20_000, 0, 0, 0));
        let half: String = lines.split_inclusive('\n').step_by(2).collect();
        assert_eq!(batch(&app, "?replace=true", half).await.json(), counts(0, 0, 10_000, 10_000));
        let answer = app.get("/entitlements/n19998/cdn_info").await.json();
        assert_eq!(answer["upstreamEntitlementId"], "acme-0");
        let twice = format!("{lines}{}", line(19_999));
        let body = batch(&app, "", twice).await.assert_problem(400, "batch-line-invalid");
        assert_eq!(body["line"], 20_001);
        let undone = app.delete("/owners/acme/imports").await.json();
        assert_eq!(undone["counts"]["downstreamRemoved"], 10_000);
    }
}
