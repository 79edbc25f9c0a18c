//! Who may export, and what the keys of exports are good for.

use portolan_domain::build::{Authority, Description};
use portolan_storage::{Role, both_engines};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use time::Duration;

use super::{
    exports::{ask, downstream, export, file, files, imported, later, upstream},
    manifests::{CA, described, manifest, signed_by, with_scheme},
    support::{Answer, TestApp, now},
};

both_engines! {
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
}

fn child_uuid(exported: &[u8]) -> String {
    let uuid = &file(exported, "export/consumer.json")["uuid"];
    uuid.as_str().unwrap().to_owned()
}
