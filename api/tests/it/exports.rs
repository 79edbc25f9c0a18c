//! Exports over HTTP: what one instance exports another one imports, and answers with.

use portolan_domain::build::{Authority, Description};
use portolan_storage::{Role, Store, both_engines, testing::TestDatabase};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use time::Duration;

use super::{
    manifests::{CA, described, manifest, signed_by, unpack, with_files, with_scheme},
    support::{Answer, TestApp, now},
};

/// An instance that has imported this manifest for `acme`.
async fn upstream(database: TestDatabase, manifest: Vec<u8>) -> TestApp {
    let app = TestApp::start(database).await;
    app.owner("acme").await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    let imported = app.import("acme", manifest, "").await;
    assert_eq!(imported.status, StatusCode::OK, "{}", imported.text);
    app
}

/// An instance with a database of its own that trusts what `of` signs, as `parent.crt`.
async fn downstream(of: &TestApp) -> TestApp {
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
async fn later(of: &TestApp, hours: i64) -> TestApp {
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

async fn ask(app: &TestApp, owner: &str, body: &Value, key: &str) -> reqwest::Response {
    let path = format!("/owners/{owner}/exports");
    let request = app.request(Method::POST, &path).bearer_auth(key);
    request.json(body).send().await.unwrap()
}

async fn refused(app: &TestApp, owner: &str, body: &Value) -> Answer {
    Answer::of(ask(app, owner, body, &app.admin).await).await
}

async fn export(app: &TestApp, owner: &str, body: &Value) -> Vec<u8> {
    let answer = ask(app, owner, body, &app.admin).await;
    let status = answer.status();
    let bytes = answer.bytes().await.unwrap().to_vec();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
    bytes
}

async fn imported(app: &TestApp, manifest: Vec<u8>) -> Value {
    let answer = app.import("branch", manifest, "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let record = answer.json();
    assert_eq!(record["status"], "SUCCESS", "{record}");
    assert_eq!(record["warnings"], json!([]), "{record}");
    record
}

async fn cdn_info(app: &TestApp, id: &str) -> Value {
    let answer = app.get(&format!("/entitlements/{id}/cdn_info")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// The files of an export's inner archive.
fn files(manifest: &[u8]) -> Vec<(String, Vec<u8>)> {
    let inner = unpack(manifest)
        .into_iter()
        .find(|(name, _)| name == "consumer_export.zip");
    unpack(&inner.unwrap().1)
}

fn file(manifest: &[u8], name: &str) -> Value {
    let files = files(manifest);
    let found = files.iter().find(|(path, _)| path == name);
    let names: Vec<_> = files.iter().map(|(path, _)| path).collect();
    serde_json::from_slice(&found.unwrap_or_else(|| panic!("no {name} in {names:?}")).1).unwrap()
}

/// A manifest of three entitlements at a CDN.
fn at_cdn(url: Option<&str>) -> Vec<u8> {
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

    async fn an_export_says_what_was_asked(database: TestDatabase) {
        let cdns = r#"{"id":"1","label":"own cdn/1","name":"Own","url":"https://own.example.com"}"#;
        let about = Description {
            cdn_label: Some("own cdn/1".to_owned()),
            ..described("acme", now() - Duration::hours(1), &["acme-0".to_owned()])
        };
        let files = [("export/content_delivery_network/x.json", cdns)];
        let parent = upstream(database, with_files(&CA, &about, &files)).await;
        let plain = export(&parent, "acme", &json!({})).await;
        let (meta, consumer) = (file(&plain, "export/meta.json"), file(&plain, "export/consumer.json"));
        assert_eq!(meta["cdnUrl"], "https://own.example.com", "where the content is now");
        assert_eq!((&meta["cdnLabel"], &meta["principalName"]), (&Value::Null, &json!("admin")));
        assert_eq!(meta["created"], "2026-11-22T12:00:00.000+0000");
        assert_eq!((&consumer["name"], &consumer["owner"]["key"]), (&json!("acme"), &json!("acme")));
        assert_eq!(consumer["type"], json!({"id": "1", "label": "satellite", "manifest": true}));
        assert_eq!(consumer["contentAccessMode"], "entitlement");

        let body = json!({ "cdnLabel": "own cdn/1", "name": "branch office" });
        let labelled = export(&parent, "acme", &body).await;
        let meta = file(&labelled, "export/meta.json");
        assert_eq!((&meta["cdnUrl"], &meta["cdnLabel"]), (&Value::Null, &json!("own cdn/1")));
        let again = file(&labelled, "export/consumer.json");
        assert_eq!((&again["name"], &again["uuid"]), (&json!("branch office"), &consumer["uuid"]));
        let child = downstream(&parent).await;
        imported(&child, labelled).await;
        let info = cdn_info(&child, "acme-0").await;
        assert_eq!(info["cdnUrl"], "https://own.example.com");
        assert_eq!(info["cdnLabel"], "own cdn/1");

        let body = json!({ "cdnLabel": "elsewhere", "cdnUrl": "https://other.example.com/" });
        let meta = file(&export(&parent, "acme", &body).await, "export/meta.json");
        assert_eq!((&meta["cdnUrl"], &meta["cdnLabel"]),
                   (&json!("https://other.example.com/"), &json!("elsewhere")));
    }

    async fn an_export_may_be_of_some_entitlements_or_of_none(database: TestDatabase) {
        let parent = upstream(database, at_cdn(None)).await;
        let child = downstream(&parent).await;
        let body = json!({ "entitlementIds": ["acme-2", "acme-0", "acme-2"] });
        let record = imported(&child, export(&parent, "acme", &body).await).await;
        assert_eq!(record["counts"]["added"], 2);
        cdn_info(&child, "acme-2").await;
        let left_out = child.get("/entitlements/acme-1/cdn_info").await;
        left_out.assert_problem(404, "entitlement-not-found");
        let none = later(&parent, 1).await;
        let record = imported(&child, export(&none, "acme", &json!({ "entitlementIds": [] })).await).await;
        assert_eq!(record["counts"]["removed"], 2, "{record}");
        let missing = json!({ "entitlementIds": ["acme-0", "nobodys-1"] });
        let missing = refused(&parent, "acme", &missing).await;
        let problem = missing.assert_problem(404, "entitlement-not-found");
        assert!(problem["detail"].as_str().unwrap().contains("nobodys-1"), "{problem}");
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
        use portolan_storage::SigningPurpose;
        let keys = app.state.store.signing_keys(SigningPurpose::Manifest).await.unwrap();
        assert_eq!(keys, []);
    }

    async fn who_may_not_read_keys_may_not_export(database: TestDatabase) {
        let app = upstream(database, manifest("acme", 1)).await;
        app.owner("other").await;
        for (role, owners) in [
            (Role::Auditor, &[][..]), (Role::Proxy, &["acme"][..]), (Role::Issuer, &[][..]),
            (Role::Manager, &["other"][..]),
        ] {
            let key = app.key(role, owners).await;
            let answer = Answer::of(ask(&app, "acme", &json!({}), &key).await).await;
            answer.assert_problem(403, "forbidden");
        }
        let own = app.key(Role::Manager, &["acme"]).await;
        // With no body at all.
        let request = app.request(Method::POST, "/owners/acme/exports").bearer_auth(&own);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/zip");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let name = "attachment; filename=\"export-acme.zip\"";
        assert_eq!(answer.headers()["content-disposition"], name);
        answer.bytes().await.unwrap();
        let events = app.get("/audit?action=export.create").await.json();
        assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
        assert_eq!((&events[0]["ownerKey"], &events[0]["detail"], &events[0]["principal"]),
                   (&json!("acme"), &json!("1 entitlements"), &json!("manager-acme")));
        app.state.audit.flush().await.unwrap();
        let reads = app.get("/audit?action=key-material.read").await.json();
        assert_eq!(reads[0]["count"], 1, "{reads}");
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

    async fn the_identity_in_an_export_signs_no_manifest(database: TestDatabase) {
        let parent = upstream(database, manifest("acme", 1)).await;
        let child = downstream(&parent).await;
        let exported = export(&parent, "acme", &json!({})).await;
        let files = files(&exported);
        let identity = files.iter().find(|(path, _)| path.contains("upstream_consumer/")).unwrap();
        let identity: Value = serde_json::from_slice(&identity.1).unwrap();
        let key = identity["key"].as_str().unwrap().to_owned();
        let key = portolan_domain::secret::PrivateKeyPem::new(key);
        let leaf = Authority::from_pem(identity["cert"].as_str().unwrap(), &key).unwrap();
        let uuid = child_uuid(&exported);
        let about = described("evil", now() - Duration::minutes(1), &["evil-0".to_owned()]);
        let about = Description { consumer_uuid: Some(uuid), ..about };
        let forged = child.import("branch", signed_by(&leaf, &about), "").await;
        let problem = forged.assert_problem(409, "manifest-conflict");
        assert_eq!(problem["conflicts"], json!(["SIGNATURE_CONFLICT"]));
        let forged = with_scheme(&leaf, &about);
        let problem = child.import("branch", forged, "").await;
        let problem = problem.assert_problem(409, "manifest-conflict");
        assert_eq!(problem["conflicts"], json!(["UNTRUSTED_SIGNING_CERTIFICATE"]));
    }

    async fn however_many_ask_at_once_the_cas_are_made_once(database: TestDatabase) {
        let parent = upstream(database, manifest("acme", 2)).await;
        // Another node, and a client that does not wait.
        let other = later(&parent, 1).await;
        drop(tokio::time::timeout(
            std::time::Duration::from_millis(1),
            parent.request(Method::GET, "/signing_ca").send(),
        ).await);
        let body = json!({});
        let get = async |app: &TestApp| app.send(app.request(Method::GET, "/signing_ca")).await;
        let (one, two, first, second, _, _) = tokio::join!(
            get(&parent), get(&other), export(&parent, "acme", &body), export(&other, "acme", &body),
            get(&parent), get(&other),
        );
        assert_eq!(one.text, two.text);
        assert_eq!(one.text.matches("BEGIN CERTIFICATE").count(), 2);
        let consumer = |bytes: &[u8]| file(bytes, "export/consumer.json")["uuid"].clone();
        assert_eq!(consumer(&first), consumer(&second));
        let made = parent.get("/audit?action=signing-key.create").await.json();
        assert_eq!(made.as_array().unwrap().len(), 2, "{made}");
        let child = downstream(&parent).await;
        imported(&child, first).await;
        imported(&child, second).await;
    }

    async fn the_signing_cas_are_public_and_cached(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let get = || app.request(Method::GET, "/signing_ca");
        let first = app.send(get()).await;
        assert_eq!(first.header("cache-control"), "public, max-age=300");
        let tag = first.header("etag").to_owned();
        let known = app.send(get().header("if-none-match", &tag)).await;
        assert_eq!((known.status, known.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
        let below = app.send(app.request(Method::GET, "/candlepin/signing_ca")).await;
        assert_eq!(below.text, first.text);
        let found = portolan_domain::trust::Certificate::all_from_file(first.text.as_bytes()).unwrap();
        let [rsa, ml_dsa] = &found[..] else { panic!("{}", found.len()) };
        for ca in [rsa, ml_dsa] {
            assert!(ca.is_ca() && ca.may_sign_data() && !ca.may_issue());
            let name = format!("Portolan signing CA {}", &ca.spki_sha256().to_string()[..8]);
            assert_eq!(ca.common_name(), Some(name));
            assert!(ca.not_after() > now() + Duration::days(3650));
        }
        // A key by which nobody is answered yet still opens after the master key was replaced.
        app.state.store.rotate_master_key(&crate::support::by()).await.unwrap();
        app.owner("acme").await;
        app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
        assert_eq!(app.import("acme", manifest("acme", 1), "").await.status, 200);
        export(&app, "acme", &json!({ "scheme": "mldsa" })).await;
    }

    async fn what_the_importer_does_not_need_is_exported_as_it_came(database: TestDatabase) {
        let about = described("acme", now() - Duration::hours(1), &["acme-0".to_owned()]);
        let odd = r#"{ "id":"odd-1", "quantity":"2", "certificates":null, "pool": { "id":"odd-pool",
            "productId":37060, "providedProducts":[ {"productId":"69","productName":"Ö"} ],
            "branding":null, "attributes":{"a":"b"}, "stackId":"s", "certificate":{"key":"secret"} } }"#;
        let extra = [
            ("export/products/37060.json", "{ \"id\" : \"37060\" }\n"),
            ("export/products/37060.pem", "an old product"),
            ("export/consumer_types/old type.json", "{\"id\":7,\"href\":\"/x\"}"),
            ("export/distributor_version/sat-6.json", "{\"name\":\"sat-6\"}"),
            ("export/rules/default-rules.js", "function(){}"),
            ("export/entitlements/odd-1.json", odd),
        ];
        let parent = upstream(database, with_files(&CA, &about, &extra)).await;
        let exported = export(&parent, "acme", &json!({})).await;
        let found = files(&exported);
        let text = |name: &str| {
            let file = found.iter().find(|(path, _)| path == name);
            file.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
        };
        for (path, content) in &extra[..4] {
            assert_eq!(text(path).as_deref(), Some(*content), "{path}");
        }
        assert_eq!(text("export/rules/default-rules.js"), None);
        let odd = file(&exported, "export/entitlements/odd-1.json");
        assert_eq!(odd["pool"]["providedProducts"], json!([{"productId": "69", "productName": "Ö"}]));
        assert_eq!(odd["pool"]["attributes"], json!({"a": "b"}));
        assert_eq!(odd["pool"]["branding"], json!([]));
        assert_eq!((&odd["pool"]["stackId"], &odd["pool"]["productId"]), (&json!("s"), &json!("37060")));
        assert_eq!((&odd["quantity"], &odd["certificates"]), (&json!(2), &json!([])));
        assert!(!text("export/entitlements/odd-1.json").unwrap().contains("secret"));
        let good = file(&exported, "export/entitlements/acme-0.json");
        let certificate = &good["certificates"][0];
        let serial = certificate["serial"]["serial"].to_string();
        let both = [&certificate["cert"], &certificate["key"]].map(|text| text.as_str().unwrap());
        let path = format!("export/entitlement_certificates/{serial}.pem");
        assert_eq!(text(&path), Some(both.concat()));
        let child = downstream(&parent).await;
        let answer = child.import("branch", exported, "").await;
        assert_eq!(answer.json()["status"], "SUCCESS_WITH_WARNING", "{}", answer.text);
    }

    async fn an_export_beside_an_import_is_of_one_state(database: TestDatabase) {
        let ids = |state: &str| -> Vec<String> {
            (0..300).map(|n| format!("{state}-{n}")).collect()
        };
        let of_state = |state: &str, minutes: i64| {
            let mut about = described("acme", now() - Duration::minutes(minutes), &ids(state));
            about.entitlement_data_bytes = 4000;
            signed_by(&CA, &about)
        };
        let (old, new) = (of_state("old", 60), of_state("new", 50));
        let app = upstream(database, old.clone()).await;
        let forced = "?force=MANIFEST_OLD&force=MANIFEST_SAME";
        let importing = async {
            for manifest in [&new, &old, &new, &old] {
                let answer = app.import("acme", manifest.clone(), forced).await;
                assert_eq!(answer.status, 200, "{}", answer.text);
            }
        };
        let exporting = async {
            for _ in 0..4 {
                let exported = export(&app, "acme", &json!({})).await;
                let names: Vec<String> = files(&exported).into_iter().map(|(name, _)| name).collect();
                let of = |state: &str| {
                    let path = format!("export/entitlements/{state}-");
                    names.iter().filter(|name| name.starts_with(&path)).count()
                };
                assert!(matches!((of("old"), of("new")), (300, 0) | (0, 300)),
                        "{} and {}", of("old"), of("new"));
            }
        };
        tokio::join!(importing, exporting);
    }
}

fn child_uuid(exported: &[u8]) -> String {
    let uuid = &file(exported, "export/consumer.json")["uuid"];
    uuid.as_str().unwrap().to_owned()
}
