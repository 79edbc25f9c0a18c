//! An owner that is pointed elsewhere without an import, and back.

use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};

use super::{
    certificates::ca,
    manifests::{self, CA},
    support::{Answer, TestApp},
};

const PATH: &str = "/owners/acme/cdn";

async fn started(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    app.owner("acme").await;
    app
}

async fn import(app: &TestApp, query: &str) {
    let imported = app
        .import("acme", manifests::manifest("acme", 1), query)
        .await;
    assert_eq!(imported.status, 200, "{}", imported.text);
}

async fn set(app: &TestApp, setting: Value) -> Answer {
    app.json(Method::PUT, PATH, setting).await
}

async fn info(app: &TestApp) -> Value {
    app.get("/entitlements/acme-0/cdn_info").await.json()
}

fn shown(url: &str, label: Option<&str>, source: &str) -> Value {
    json!({"cdnUrl": url, "cdnLabel": label, "source": source, "manifestCdns": []})
}

both_engines! {
    async fn a_setting_counts_before_through_and_after_imports(database: TestDatabase) {
        let settings = database.settings.clone();
        let app = started(database).await;
        let default = shown("https://cdn.redhat.com:443", None, "DEFAULT");
        assert_eq!(app.get(PATH).await.json(), default);
        let own = shown("https://own.example.com", None, "OWNER");
        let answer = set(&app, json!({"cdnUrl": "https://own.example.com"})).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, own.clone()));
        import(&app, "?cdn_url=https://import.example.com").await;
        assert_eq!(info(&app).await["cdnUrl"], "https://own.example.com");
        import(&app, "?cdn_url=https://import.example.com&force=MANIFEST_SAME").await;
        assert_eq!(app.get(PATH).await.json(), own);
        let owner = app.get("/owners/acme").await.json();
        assert_eq!(owner["upstreamConsumer"]["cdnUrl"], "https://own.example.com");
        let consumers = app.get("/owners/acme/upstream_consumers").await.json();
        assert_eq!(consumers[0]["cdnUrl"], "https://own.example.com");
        // What an undo leaves: the setting is the owner's, not the import's.
        let raw = Database::connect(&settings.url).await.unwrap();
        raw.execute_unprepared("DELETE FROM upstream_consumers").await.unwrap();
        assert_eq!(app.get(PATH).await.json(), own);
        import(&app, "?cdn_url=https://import.example.com&force=MANIFEST_SAME").await;
        assert_eq!(info(&app).await["cdnUrl"], "https://own.example.com");
        assert_eq!(app.delete(PATH).await.status, 204);
        assert_eq!(info(&app).await["cdnUrl"], "https://import.example.com");
        let imported = shown("https://import.example.com", None, "IMPORT");
        assert_eq!(app.get(PATH).await.json(), imported);
        assert_eq!(app.delete(PATH).await.status, 204);
    }

    async fn every_setting_counts_for_the_next_question(database: TestDatabase) {
        let app = started(database).await;
        import(&app, "").await;
        let first = app.get("/entitlements/acme-0/cdn_info").await;
        for number in 0..10 {
            let url = format!("https://cdn{number}.example.com");
            assert_eq!(set(&app, json!({"cdnUrl": url})).await.status, 200);
            assert_eq!(info(&app).await["cdnUrl"], url);
            assert_eq!(app.delete(PATH).await.status, 204);
            let back = app.get("/entitlements/acme-0/cdn_info").await;
            assert_eq!(back.header("etag"), first.header("etag"));
        }
    }

    async fn a_label_is_followed_and_brings_its_certificate(database: TestDatabase) {
        let app = started(database).await;
        import(&app, "?cdn_url=https://import.example.com").await;
        set(&app, json!({"cdnLabel": "mirror"})).await.assert_problem(404, "cdn-not-found");
        let pem = ca("CDN CA").certificate_pem().unwrap();
        let cdn = json!({"label": "mirror", "url": "https://mirror.example.com", "certificate": pem});
        assert_eq!(app.json(Method::POST, "/cdn", cdn).await.status, 200);
        let answer = set(&app, json!({"cdnLabel": "mirror", "cdnUrl": null})).await;
        assert_eq!(answer.json(), shown("https://mirror.example.com", Some("mirror"), "OWNER"));
        let found = info(&app).await;
        assert_eq!((&found["cdnUrl"], &found["cdnLabel"]), (&json!("https://mirror.example.com"), &json!("mirror")));
        assert_eq!(found["caCertificate"]["pem"], pem);
        let moved = json!({"url": "https://moved.example.com"});
        assert_eq!(app.json(Method::PUT, "/cdn/mirror", moved).await.status, 200);
        assert_eq!(info(&app).await["cdnUrl"], "https://moved.example.com");
        let body = app.delete("/cdn/mirror").await.assert_problem(409, "in-use");
        assert!(body["detail"].as_str().unwrap().contains("acme follow it"), "{body}");
        // With a URL of its own the label is followed no more, and its certificate is another CDN's.
        set(&app, json!({"cdnUrl": "https://own.example.com"})).await;
        let found = info(&app).await;
        assert_eq!((&found["cdnLabel"], &found["caCertificate"]["source"]), (&Value::Null, &json!("MANIFEST")));
        assert_eq!(app.delete("/cdn/mirror").await.status, 204);
    }

    async fn a_setting_is_a_url_or_a_label(database: TestDatabase) {
        let app = started(database).await;
        for bad in [
            json!({}),
            json!({"cdnUrl": null}),
            json!({"cdnUrl": "https://a.example", "cdnLabel": "b"}),
            json!({"cdnurl": "https://a.example"}),
            json!({"cdnLabel": ""}),
        ] {
            set(&app, bad).await.assert_problem(400, "bad-request");
        }
        for bad in ["http://a.example", "https://u@a.example", ""] {
            set(&app, json!({"cdnUrl": bad})).await.assert_problem(400, "cdn-url-invalid");
        }
        let setting = json!({"cdnUrl": "https://a.example"});
        let nobody = app.json(Method::PUT, "/owners/nobody/cdn", setting).await;
        nobody.assert_problem(404, "owner-not-found");
        app.get("/owners/nobody/cdn").await.assert_problem(404, "owner-not-found");
        app.delete("/owners/nobody/cdn").await.assert_problem(404, "owner-not-found");
    }

    async fn its_manager_sets_it_and_no_other(database: TestDatabase) {
        let app = started(database).await;
        app.owner("other").await;
        let setting = json!({"cdnUrl": "https://own.example.com"});
        for (key, status) in [
            (app.key(Role::Manager, &["acme"]).await, 200),
            (app.key(Role::Manager, &["other"]).await, 403),
            (app.key(Role::Auditor, &[]).await, 403),
        ] {
            let put = app.request(Method::PUT, PATH).bearer_auth(&key).json(&setting);
            assert_eq!(app.send(put).await.status, status);
            let delete = app.request(Method::DELETE, PATH).bearer_auth(&key);
            let expected = if status == 200 { 204 } else { status };
            assert_eq!(app.send(delete).await.status, expected);
        }
    }
}
