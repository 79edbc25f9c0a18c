//! Exports over HTTP: what one instance exports another one imports, and answers with.

use portolan_domain::build::Description;
use portolan_storage::{SigningPurpose, Store, both_engines, testing::TestDatabase};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use time::Duration;

use super::{
    manifests::{CA, described, signed_by, unpack},
    support::{Answer, TestApp, now},
};

/// An instance that has imported this manifest for `acme`.
pub async fn upstream(database: TestDatabase, manifest: Vec<u8>) -> TestApp {
    let app = TestApp::start(database).await;
    app.owner("acme").await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    let imported = app.import("acme", manifest, "").await;
    assert_eq!(imported.status, StatusCode::OK, "{}", imported.text);
    app
}

/// An instance with a database of its own that trusts what `of` signs, as `parent.crt`.
pub async fn downstream(of: &TestApp) -> TestApp {
    let database = TestDatabase::new(of.state.store.engine()).await;
    let app = TestApp::start(database).await;
    app.owner("branch").await;
    trust_signing_cas(&app, of, "parent.crt").await;
    app
}

async fn trust_signing_cas(app: &TestApp, of: &TestApp, filename: &str) {
    let cas = of.send(of.request(Method::GET, "/signing_ca")).await;
    assert_eq!(cas.status, 200, "{}", cas.text);
    assert_eq!(cas.header("content-type"), "application/x-pem-file");
    app.trust(filename, &cas.text).await;
}

/// A second service on the same database, an hour later: what it exports is newer.
pub async fn later(of: &TestApp, hours: i64) -> TestApp {
    let database = of.database().clone();
    let clock = portolan::clock::Clock::from_fn(match hours {
        1 => || now() + Duration::hours(1),
        _ => || now() + Duration::hours(2),
    });
    let master = portolan_storage::MasterKey::read(&database.folder.path().join("master.key"));
    let store = Store::connect(&database.settings, master.unwrap())
        .await
        .unwrap();
    let name = |_: &mut portolan::config::Config| {};
    TestApp::start_named(store, database, name, clock, &format!("admin-{hours}")).await
}

pub async fn ask(app: &TestApp, owner: &str, body: &Value, key: &str) -> reqwest::Response {
    let path = format!("/owners/{owner}/exports");
    let request = app.request(Method::POST, &path).bearer_auth(key);
    request.json(body).send().await.unwrap()
}

pub async fn refused(app: &TestApp, owner: &str, body: &Value) -> Answer {
    Answer::of(ask(app, owner, body, &app.admin).await).await
}

pub async fn export(app: &TestApp, owner: &str, body: &Value) -> Vec<u8> {
    let answer = ask(app, owner, body, &app.admin).await;
    let status = answer.status();
    let bytes = answer.bytes().await.unwrap().to_vec();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
    bytes
}

pub async fn imported(app: &TestApp, manifest: Vec<u8>) -> Value {
    let answer = app.import("branch", manifest, "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let record = answer.json();
    assert_eq!(record["status"], "SUCCESS", "{record}");
    assert_eq!(record["warnings"], json!([]), "{record}");
    record
}

pub async fn cdn_info(app: &TestApp, id: &str) -> Value {
    let answer = app.get(&format!("/entitlements/{id}/cdn_info")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// The files of an export's inner archive.
pub fn files(manifest: &[u8]) -> Vec<(String, Vec<u8>)> {
    let inner = unpack(manifest)
        .into_iter()
        .find(|(name, _)| name == "consumer_export.zip");
    unpack(&inner.unwrap().1)
}

pub fn file(manifest: &[u8], name: &str) -> Value {
    let files = files(manifest);
    let found = files.iter().find(|(path, _)| path == name);
    let names: Vec<_> = files.iter().map(|(path, _)| path).collect();
    serde_json::from_slice(&found.unwrap_or_else(|| panic!("no {name} in {names:?}")).1).unwrap()
}

/// A manifest of three entitlements at a CDN.
pub fn at_cdn(url: Option<&str>) -> Vec<u8> {
    let ids: Vec<String> = (0..3).map(|n| format!("acme-{n}")).collect();
    let description = Description {
        cdn_url: url.map(str::to_owned),
        ..described("acme", now() - Duration::hours(1), &ids)
    };
    signed_by(&CA, &description)
}

both_engines! {
    async fn what_one_instance_exports_another_answers_with(database: TestDatabase) {
        let parent = upstream(database, at_cdn(Some("https://cdn.example.com:8443/x"))).await;
        let child = downstream(&parent).await;
        for (hour, scheme, algorithm) in [
            (0, "legacy", "SHA256withRSA"), (1, "rsa", "SHA256withRSA"), (2, "mldsa", "ML-DSA-65"),
        ] {
            let newer;
            let from = if hour == 0 { &parent } else {
                newer = later(&parent, hour).await;
                &newer
            };
            let body = json!({ "scheme": scheme });
            let record = imported(&child, export(from, "acme", &body).await).await;
            assert_eq!(record["verification"]["algorithm"], algorithm);
            assert_eq!(record["verification"]["caFilename"], "parent.crt");
            // The same consumer each time: no DISTRIBUTOR_CONFLICT, and nothing has changed.
            let counts = &record["counts"];
            let wanted = if hour == 0 { (3, 0) } else { (0, 3) };
            assert_eq!((counts["added"].as_u64(), counts["unchanged"].as_u64()),
                       (Some(wanted.0), Some(wanted.1)), "{record}");
        }
        for n in 0..3 {
            let id = format!("acme-{n}");
            let (above, below) = (cdn_info(&parent, &id).await, cdn_info(&child, &id).await);
            assert_eq!(below["cdnUrl"], "https://cdn.example.com:8443/x");
            assert_eq!(below["cdnLabel"], Value::Null);
            assert_eq!(below["upstreamCertificate"], above["upstreamCertificate"]);
            assert_eq!(below["poolId"], above["poolId"]);
            assert_ne!(below["upstreamConsumerUuid"], above["upstreamConsumerUuid"]);
            let ca = &below["caCertificate"];
            assert_eq!((&ca["filename"], &ca["status"]), (&json!("parent.crt"), &json!("PRESENT")));
        }
    }

    async fn what_cannot_be_exported_is_refused_before_anything_is_made(database: TestDatabase) {
        let app = TestApp::start(database).await;
        app.owner("acme").await;
        refused(&app, "nobody", &json!({})).await.assert_problem(404, "owner-not-found");
        refused(&app, "acme", &json!({})).await.assert_problem(404, "owner-without-import");
        for (body, slug) in [
            (json!({ "cdnUrl": "ftp://cdn.example.com" }), "cdn-url-invalid"),
            (json!({ "cdnUrl": "https://u:p@cdn.example.com" }), "cdn-url-invalid"),
            (json!({ "scheme": "ecdsa" }), "bad-request"),
            (json!({ "cdnurl": "https://cdn.example.com" }), "bad-request"),
            (json!({ "entitlementIds": ["a/b"] }), "bad-request"),
            (json!({ "name": "a\nb" }), "bad-request"),
            (json!([]), "bad-request"),
        ] {
            refused(&app, "acme", &body).await.assert_problem(400, slug);
        }
        let keys = app.state.store.signing_keys(SigningPurpose::Manifest).await.unwrap();
        assert_eq!(keys, []);
    }

    async fn a_chain_of_three_instances(database: TestDatabase) {
        let first = upstream(database, at_cdn(Some("https://cdn.example.com"))).await;
        let second = downstream(&first).await;
        imported(&second, export(&first, "acme", &json!({})).await).await;
        let third = downstream(&second).await;
        let body = json!({ "cdnUrl": "https://mirror.example.com", "scheme": "mldsa" });
        imported(&third, export(&second, "branch", &body).await).await;
        let (above, below) = (cdn_info(&first, "acme-1").await, cdn_info(&third, "acme-1").await);
        assert_eq!(below["cdnUrl"], "https://mirror.example.com");
        assert_eq!(below["upstreamCertificate"], above["upstreamCertificate"]);
        // The first one's CA is worth nothing to the third.
        let strange = third.import("branch", export(&first, "acme", &json!({})).await, "").await;
        let problem = strange.assert_problem(409, "manifest-conflict");
        assert_eq!(problem["conflicts"], json!(["SIGNATURE_CONFLICT"]));
    }

    async fn a_client_that_goes_away_leaves_its_place(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| {
            config.export.sending = 1;
            config.export.sending_per_owner = 1;
        })
        .await;
        app.owner("acme").await;
        app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
        // More than what two sockets hold.
        let ids: Vec<String> = (0..200).map(|n| format!("acme-{n}")).collect();
        let mut about = described("acme", now() - Duration::hours(1), &ids);
        about.entitlement_data_bytes = 100_000;
        assert_eq!(app.import("acme", signed_by(&CA, &about), "").await.status, 200);
        let first = ask(&app, "acme", &json!({}), &app.admin).await;
        assert_eq!(first.status(), 200);
        drop(first);
        let second = export(&app, "acme", &json!({})).await;
        assert_eq!(files(&second).iter().filter(|(name, _)| name.contains("/entitlement_certificates/")).count(), 200);
    }

    async fn without_a_place_to_write_it_nothing_is_sent(database: TestDatabase) {
        let app = upstream(database, at_cdn(None)).await;
        let spool = app.state.config.import.spool_dir.clone().unwrap();
        std::fs::remove_dir_all(&spool).unwrap();
        let refused = refused(&app, "acme", &json!({})).await;
        refused.assert_problem(503, "unavailable");
        assert_eq!(refused.header("retry-after"), "60");
        std::fs::create_dir(&spool).unwrap();
        export(&app, "acme", &json!({})).await;
        let events = app.get("/audit?action=export.create").await.json();
        assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
    }
}
