//! `GET /audit`: what was done, refused and read, by whom, and never a secret.

use portolan_storage::{Role, both_engines};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    manifests::{self, CA, id},
    support::{Answer, TestApp, eventually},
};

async fn events(app: &TestApp, query: &str) -> Vec<Value> {
    let answer = app.get(&format!("/audit{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json().as_array().unwrap().clone()
}

/// Action, outcome, owner and count of each.
fn told(events: &[Value]) -> Vec<String> {
    let one = |event: &Value| {
        let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
        let (action, outcome, owner) = (text("action"), text("outcome"), text("ownerKey"));
        format!("{action} {outcome} {owner} {}", event["count"])
    };
    events.iter().map(one).collect()
}

/// What a service with an owner and an import has to tell.
async fn app_with_import(database: portolan_storage::testing::TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    app.owner("acme").await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    let imported = app.import("acme", manifests::manifest("acme", 1), "").await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    app
}

both_engines! {
    async fn changes_and_refusals_are_told_with_who_and_why(database: TestDatabase) {
        let app = app_with_import(database).await;
        let manager = app.key(Role::Manager, &["acme"]).await;
        let request = app.request(Method::POST, "/owners").bearer_auth(&manager);
        let request = request.header("x-request-id", "the-request").json(&json!({ "key": "x" }));
        app.send(request).await.assert_problem(403, "forbidden");
        // The same manifest again: refused, and in the owner's records.
        let again = app.import("acme", manifests::manifest("acme", 1), "").await;
        assert_eq!(again.status, 409);

        eventually("the refusal is written", || async {
            !events(&app, "?action=request.refuse").await.is_empty()
        })
        .await;
        let refusal = &events(&app, "?action=request.refuse").await[0];
        assert_eq!(refusal["principal"], "manager-acme");
        assert_eq!(refusal["principalKind"], "api-key");
        assert_eq!(refusal["subject"], "POST /owners");
        assert_eq!(refusal["detail"], "forbidden");
        assert_eq!(refusal["requestId"], "the-request");
        assert_eq!(refusal["address"], "127.0.0.1");
        assert_eq!(refusal["time"], "2026-11-22T12:00:00.000Z");

        let imports = events(&app, "?action=import.create").await;
        assert_eq!(told(&imports),
            ["import.create refused acme 1", "import.create success acme 1"]);
        let records = app.records("acme").await;
        assert_eq!(imports[0]["subject"], records[0]["id"]);
        assert_eq!(imports[1]["subject"], records[1]["id"]);
        let owner = &events(&app, "?owner=acme&action=owner.create").await[0];
        assert_eq!((&owner["principal"], &owner["subject"]), (&json!("admin"), &json!("acme")));
        assert_eq!(app.state.store.verify_audit_log().await.unwrap().faults, []);
    }

    async fn reads_of_keys_and_failed_credentials_are_counted(database: TestDatabase) {
        let app = app_with_import(database).await;
        let proxy = app.key(Role::Proxy, &[]).await;
        let read = async |path: String, key: &str| {
            app.send(app.request(Method::GET, &path).bearer_auth(key)).await.status
        };
        let entitlement = format!("/entitlements/{}", "acme-0");
        for _ in 0..3 {
            assert_eq!(read(format!("{entitlement}/cdn_info"), &proxy).await, 200);
        }
        assert_eq!(read(format!("{entitlement}/upstream_cert"), &app.admin).await, 200);
        assert_eq!(read("/entitlements/nobody/cdn_info".to_owned(), &proxy).await, 404);
        for _ in 0..4 {
            assert_eq!(read("/owners".to_owned(), "ptl_wrong").await, 401);
        }
        assert_eq!(events(&app, "?action=key-material.read").await.len(), 0, "none per request");
        app.state.audit.flush().await.unwrap();
        let mut reads = events(&app, "?action=key-material.read&owner=acme").await;
        reads.sort_by_key(|event| event["principal"].to_string());
        let shown: Vec<_> = reads.iter().map(|e| (&e["principal"], &e["count"])).collect();
        assert_eq!(shown, [(&json!("admin"), &json!(1)), (&json!("proxy-"), &json!(3))]);
        let failed = events(&app, "?action=credential.fail").await;
        assert_eq!(told(&failed), ["credential.fail refused - 4"]);
        assert_eq!(failed[0]["address"], "127.0.0.1");
        assert_eq!(failed[0]["principalKind"], "anonymous");
    }

    async fn a_flood_of_refusals_is_counted(database: TestDatabase) {
        let app = app_with_import(database).await;
        let manager = app.key(Role::Manager, &[]).await;
        for _ in 0..80 {
            let request = app.request(Method::DELETE, "/owners/acme").bearer_auth(&manager);
            assert_eq!(app.send(request).await.status, 403);
        }
        app.state.audit.flush().await.unwrap();
        let refusals = events(&app, "?action=request.refuse&limit=1000").await;
        let counts: i64 = refusals.iter().map(|event| event["count"].as_i64().unwrap()).sum();
        assert_eq!((refusals.len(), counts), (61, 80));
    }

    async fn a_bound_auditor_sees_what_touched_its_owners(database: TestDatabase) {
        let app = app_with_import(database).await;
        app.owner("other").await;
        let auditor = app.key(Role::Auditor, &["other"]).await;
        let get = async |path: &str| -> Answer {
            app.send(app.request(Method::GET, path).bearer_auth(&auditor)).await
        };
        let seen = get("/audit").await.json();
        // Its own key among it: who may read an owner's data is that owner's affair.
        assert_eq!(told(seen.as_array().unwrap()),
            ["credential.create success other 1", "owner.create success other 1"]);
        get("/audit?owner=acme").await.assert_problem(403, "forbidden");
        assert_eq!(get("/audit?owner=other").await.json(), seen);
    }

    async fn pages_go_on_with_what_was_asked_for(database: TestDatabase) {
        let app = app_with_import(database).await;
        for owner in ["a", "b", "c"] {
            app.owner(owner).await;
        }
        let first = app.get("/audit?action=owner.create&limit=2&since=2026-01-01T00:00:00Z").await;
        let link = first.header("link").to_owned();
        let next = link.strip_prefix('<').unwrap().split('>').next().unwrap();
        assert!(next.contains("action=owner.create") && next.contains("since="), "{next}");
        let second = app.get(&format!("/audit{next}")).await;
        let subjects = |answer: &Answer| -> Vec<Value> {
            let page = answer.json();
            page.as_array().unwrap().iter().map(|event| event["subject"].clone()).collect()
        };
        assert_eq!(subjects(&first), ["c", "b"]);
        assert_eq!(subjects(&second), ["a", "acme"]);
        assert!(second.headers.get("link").is_none());
        for wrong in [
            "?limit=0", "?limit=1001", "?cursor=x", "?since=yesterday", "?owner=a%20b",
            "?principal=%00", "?until=-9999-01-01T00:00:00Z",
        ] {
            app.get(&format!("/audit{wrong}")).await.assert_problem(400, "bad-request");
        }
        assert_eq!(events(&app, "?until=2026-01-01T00:00:00Z").await.len(), 0);
    }

    async fn no_event_holds_a_secret(database: TestDatabase) {
        let app = app_with_import(database).await;
        let proxy = app.key(Role::Proxy, &[]).await;
        let path = format!("/entitlements/{}/upstream_cert", id(0));
        app.send(app.request(Method::GET, &path).bearer_auth(&proxy)).await;
        app.send(app.request(Method::DELETE, "/owners/acme").bearer_auth(&proxy)).await;
        app.state.audit.flush().await.unwrap();
        let log = app.get("/audit?limit=1000").await.text;
        assert!(log.contains("request.refuse"), "{log}");
        for secret in [&app.admin[4..], &proxy[4..], "PRIVATE KEY", "Bearer"] {
            assert!(!log.contains(secret), "{log}");
        }
    }
}
