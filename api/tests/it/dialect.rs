//! Below a compatible prefix the resources of Candlepin's family have its own shape; at the root, and
//! in everything else, nothing differs.

use portolan_storage::{both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

use super::{
    manifests::{CA, described, id, manifest, signed_by},
    support::{Answer, TestApp, now},
};

async fn started(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    app.owner("acme").await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    app
}

async fn import(app: &TestApp, path: &str, zip: Vec<u8>) -> Answer {
    let request = app.request(Method::POST, path).bearer_auth(&app.admin);
    app.send(request.header("content-type", "application/zip").body(zip))
        .await
}

/// A time as Candlepin writes it: `2017-11-21T16:01:05+0000`.
fn is_candlepins(time: &Value) -> bool {
    let text = time.as_str().unwrap_or_default();
    text.len() == 24 && text.ends_with("+0000") && !text.contains('.')
}

fn is_ours(time: &Value) -> bool {
    let text = time.as_str().unwrap_or_default();
    text.len() == 24 && text.ends_with('Z') && text.contains('.')
}

both_engines! {
    async fn an_owner_is_made_and_read_as_candlepins_clients_do(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let new = json!({
            "key": "acme", "displayName": "ACME", "parentOwner": null, "contentPrefix": null,
            "defaultServiceLevel": null, "autobindDisabled": false,
        });
        let made = app.json(Method::POST, "/candlepin/owners", new).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let made = made.json();
        assert!(is_candlepins(&made["created"]) && is_candlepins(&made["updated"]), "{made}");
        assert_eq!((&made["key"], &made["displayName"]), (&json!("acme"), &json!("ACME")));
        for (field, value) in [
            ("parentOwner", Value::Null), ("contentPrefix", Value::Null),
            ("upstreamConsumer", Value::Null), ("contentAccessMode", Value::Null),
            ("autobindDisabled", json!(false)), ("href", json!("/owners/acme")),
        ] {
            assert_eq!(made.get(field), Some(&value), "{field}");
        }
        let named = json!({"displayName": "A"});
        let named = app.json(Method::PUT, "/candlepin/owners/acme", named).await.json();
        assert!(named["displayName"] == "A" && is_candlepins(&named["created"]), "{named}");
        assert_eq!(app.get("/candlepin/owners/acme").await.json(), named);
        app.owner("other").await;
        let page = app.get("/candlepin/owners?limit=1").await;
        assert_eq!(page.json(), json!([named]));
        assert!(page.header("link").starts_with("<?limit=1&cursor="), "a page without a next");
        let ours = app.get("/owners/acme").await.json();
        assert!(is_ours(&ours["created"]) && ours.get("href").is_none(), "{ours}");
    }

    async fn an_import_and_its_record_have_candlepins_fields(database: TestDatabase) {
        let app = started(database).await;
        let path = "/candlepin/owners/acme/imports";
        let made = import(&app, path, manifest("acme", 1)).await;
        assert_eq!(made.status, 200, "{}", made.text);
        let made = made.json();
        for time in [&made["created"], &made["updated"], &made["generatedDate"]] {
            assert!(is_candlepins(time), "{made}");
        }
        assert_eq!(made["status"], "SUCCESS", "{made}");
        let consumer = &made["upstreamConsumer"];
        assert!(is_candlepins(&consumer["created"]), "{consumer}");
        assert_eq!(consumer["id"], consumer["uuid"]);
        assert!(consumer["type"].get("label").is_some(), "{consumer}");
        // What a Candlepin lacks is there all the same.
        assert_eq!(made["counts"]["added"], 1);
        let listed = app.get(path).await.json();
        assert_eq!(listed, json!([made]));
        let ours = app.records("acme").await;
        assert!(is_ours(&ours[0]["created"]) && ours[0].get("updated").is_none(), "{}", ours[0]);
        assert_eq!(ours[0]["id"], made["id"]);
    }

    async fn force_is_true_or_false_as_old_clients_send_it(database: TestDatabase) {
        let app = started(database).await;
        assert_eq!(app.import("acme", manifest("acme", 1), "").await.status, 200);
        let older = described("acme", now() - Duration::hours(2), &[id(1)]);
        let older = signed_by(&CA, &older);
        let path = "/candlepin/owners/acme/imports";
        let refused = import(&app, &format!("{path}?force=false"), older.clone()).await;
        let body = refused.assert_problem(409, "manifest-conflict");
        assert_eq!(body["conflicts"], json!(["MANIFEST_OLD"]));
        let forced = import(&app, &format!("{path}?force=true"), older).await;
        assert_eq!(forced.json()["forcedConflicts"], json!(["MANIFEST_OLD"]));
    }

    async fn an_upstream_consumer_has_a_numeric_serial_and_never_a_key(database: TestDatabase) {
        let app = started(database).await;
        assert_eq!(app.import("acme", manifest("acme", 1), "").await.status, 200);
        let path = "/owners/acme/upstream_consumers";
        let shown = app.get(&format!("/candlepin{path}")).await;
        assert!(!shown.text.contains("PRIVATE KEY"), "{}", shown.text);
        let consumer = &shown.json()[0];
        assert!(is_candlepins(&consumer["created"]), "{consumer}");
        let identity = &consumer["idCert"];
        assert_eq!(identity.get("key"), Some(&Value::Null));
        assert!(identity["cert"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        let serial = &identity["serial"];
        assert!(serial["serial"].is_number() && serial["id"] == serial["serial"], "{serial}");
        // Digit by digit: a reader of ours would round what is too long.
        let text = format!("\"serial\":{},", identity["id"].as_str().unwrap());
        assert!(shown.text.contains(&text), "{} lacks {text}", shown.text);
        assert!(is_candlepins(&serial["expiration"]), "{serial}");
        assert_eq!(serial["revoked"], false);
        assert!(consumer["cdnUrl"].is_string() && consumer["verification"].is_object());
        let owner = app.get("/candlepin/owners/acme").await.json();
        assert_eq!(&owner["upstreamConsumer"], consumer);
        assert_eq!(owner["contentAccessMode"], consumer["contentAccessMode"]);
        let ours = app.get(path).await;
        assert!(!ours.text.contains("idCert") && !ours.text.contains("identity"), "{}", ours.text);
        app.owner("empty").await;
        assert_eq!(app.get("/candlepin/owners/empty/upstream_consumers").await.text, "[]");
    }

    async fn a_job_and_a_cdn_are_candlepins_too(database: TestDatabase) {
        let app = started(database).await;
        let path = "/candlepin/owners/acme/imports/async";
        let taken = import(&app, path, manifest("acme", 1)).await;
        assert_eq!(taken.status, 202, "{}", taken.text);
        let id = taken.json()["id"].as_str().unwrap().to_owned();
        let done = app.get(&format!("/candlepin/jobs/{id}?wait=30s")).await.json();
        assert_eq!((&done["state"], &done["principal"]), (&json!("FINISHED"), &json!("admin")), "{done}");
        assert!(is_candlepins(&done["created"]) && is_candlepins(&done["endTime"]), "{done}");
        assert!(is_candlepins(&done["resultData"]["created"]), "{done}");
        assert_eq!(done["statusPath"], format!("/jobs/{id}"));
        let ours = app.get(&format!("/jobs/{id}")).await.json();
        assert!(is_ours(&ours["endTime"]) && is_ours(&ours["resultData"]["created"]), "{ours}");
        let undone = app.delete("/candlepin/owners/acme/imports").await.json();
        assert!(undone["status"] == "DELETE" && is_candlepins(&undone["created"]), "{undone}");
        let new = json!({
            "label": "edge", "name": "Edge", "url": "https://edge.example.com",
            "certificate": CA.certificate_pem().unwrap(),
        });
        let made = app.json(Method::POST, "/candlepin/cdn", new).await.json();
        assert!(made["certificate"]["serial"]["serial"].is_number(), "{made}");
        assert!(is_candlepins(&made["created"]) && made["certificate"]["key"].is_null(), "{made}");
        // What was read may be sent back.
        let again = app.json(Method::PUT, "/candlepin/cdn/edge", made).await;
        assert_eq!(again.status, 200, "{}", again.text);
        let ours = app.get("/cdn/edge").await.json();
        assert_eq!(ours["certificate"], CA.certificate_pem().unwrap(), "{ours}");
        assert!(is_ours(&ours["created"]), "{ours}");
    }

    async fn all_else_is_the_same_bytes(database: TestDatabase) {
        let app = started(database).await;
        assert_eq!(app.import("acme", manifest("acme", 1), "").await.status, 200);
        for path in [
            "/entitlements/acme-0/cdn_info", "/entitlements/acme-0/upstream_cert",
            "/upstream_cas", "/upstream_cas/test.crt", "/audit", "/openapi.json",
        ] {
            let below = app.get(&format!("/candlepin{path}")).await;
            let root = app.get(path).await;
            assert_eq!((below.status, &below.text), (root.status, &root.text), "{path}");
        }
        app.get("/candlepin/owners/nobody").await.assert_problem(404, "owner-not-found");
        let wrong = app.json(Method::PATCH, "/candlepin/owners/acme", json!({})).await;
        wrong.assert_problem(405, "method-not-allowed");
        app.get("/candlepin/nothing").await.assert_problem(404, "route-not-found");
    }

    async fn every_prefix_that_is_set_speaks_so(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| {
            config.http.compat_prefixes = vec!["/candlepin".to_owned(), "/subscriptions".to_owned()];
        })
        .await;
        app.owner("acme").await;
        for prefix in ["/candlepin", "/subscriptions"] {
            let owner = app.get(&format!("{prefix}/owners/acme")).await.json();
            assert!(is_candlepins(&owner["created"]), "{prefix}: {owner}");
        }
    }
}
