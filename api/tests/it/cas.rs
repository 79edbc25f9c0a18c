//! The CA later: added, removed, renewed, renamed, in the directory and over REST.

use portolan_domain::{build::Validity, trust::AnchorSettings};
use portolan_storage::{StoredCa, both_engines};
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

use super::{
    manifests::{self, CA, STRANGER},
    support::{TestApp, by, eventually, now},
};

async fn ca_of(app: &TestApp) -> Value {
    app.get("/entitlements/acme-0/cdn_info").await.json()["caCertificate"].clone()
}

both_engines! {
    async fn a_file_of_the_directory_counts_without_a_restart(database: TestDatabase) {
        let app = TestApp::start(database).await;
        app.owner("acme").await;
        let refused = app.import("acme", manifests::manifest("acme", 1), "").await;
        let body = refused.assert_problem(409, "manifest-conflict");
        assert_eq!(body["conflicts"], json!(["SIGNATURE_CONFLICT"]));
        assert_eq!(body["stage"], "signature");
        // Only the file is written: the service finds it by itself.
        let pem = CA.certificate_pem().unwrap();
        std::fs::write(app.ca_dir.join("late.pem"), &pem).unwrap();
        std::fs::write(app.ca_dir.join("notes.txt"), &pem).unwrap();
        std::fs::write(app.ca_dir.join("broken.crt"), "no certificate").unwrap();
        eventually("the new CA verifies", || async {
            app.import("acme", manifests::manifest("acme", 1), "").await.status == 200
        })
        .await;
        assert_eq!(ca_of(&app).await["filename"], "late.pem");
        assert_eq!(ca_of(&app).await["pem"], pem);
        std::fs::rename(app.ca_dir.join("late.pem"), app.ca_dir.join("named.crt")).unwrap();
        eventually("the CA has its new name", || async {
            ca_of(&app).await["filename"] == "named.crt"
        })
        .await;
        std::fs::remove_file(app.ca_dir.join("named.crt")).unwrap();
        eventually("the CA is missing", || async { ca_of(&app).await["status"] == "MISSING" }).await;
        let missing = ca_of(&app).await;
        assert_eq!(missing["filename"], "late.pem");
        assert_eq!(missing["pem"], Value::Null);
    }

    async fn an_import_goes_by_the_cas_of_its_moment(database: TestDatabase) {
        let app = TestApp::start(database).await;
        app.owner("acme").await;
        let import = || app.import("acme", manifests::manifest("acme", 1), "?force=MANIFEST_SAME");
        let file = app.ca_dir.join("late.pem");
        // Straight into directory and database, as another process does it: nothing tells this one.
        std::fs::write(&file, CA.certificate_pem().unwrap()).unwrap();
        assert_eq!(import().await.status, 200);
        std::fs::remove_file(&file).unwrap();
        import().await.assert_problem(409, "manifest-conflict");
        let ca = StoredCa {
            filename: "late.crt".parse().unwrap(),
            pem: CA.certificate_pem().unwrap(),
            settings: AnchorSettings::default(),
        };
        app.state.store.add_upstream_ca(&ca, &by()).await.unwrap();
        assert_eq!(import().await.status, 200);
        app.state.store.remove_upstream_ca(&ca.filename, &by()).await.unwrap();
        import().await.assert_problem(409, "manifest-conflict");
    }

    async fn a_renewed_certificate_of_the_same_key_is_the_same_ca(database: TestDatabase) {
        let app = TestApp::start(database).await;
        app.owner("acme").await;
        app.trust("old.crt", &CA.certificate_pem().unwrap()).await;
        app.import("acme", manifests::manifest("acme", 1), "").await;
        let before = ca_of(&app).await;
        let validity = Validity { from: now(), until: now() + Duration::days(4000) };
        let mut usage = openssl::x509::extension::KeyUsage::new();
        usage.digital_signature().key_cert_sign();
        let renewed = CA.renewed(validity, Some(None), usage).unwrap();
        std::fs::remove_file(app.ca_dir.join("old.crt")).unwrap();
        app.trust("new.crt", &renewed.certificate_pem().unwrap()).await;
        eventually("the renewed CA is answered", || async {
            ca_of(&app).await["filename"] == "new.crt"
        })
        .await;
        let after = ca_of(&app).await;
        assert_eq!(after["status"], "PRESENT");
        assert_ne!(after["sha256"], before["sha256"]);
    }

    async fn over_rest_a_ca_is_added_shown_and_removed(database: TestDatabase) {
        let app = TestApp::start(database).await;
        app.owner("acme").await;
        let new = json!({"filename": "rest.crt", "pem": CA.certificate_pem().unwrap()});
        let added = app.json(Method::POST, "/upstream_cas", new.clone()).await;
        assert_eq!(added.status, 201, "{}", added.text);
        assert_eq!(added.json()["source"], "DATABASE");
        let again = app.json(Method::POST, "/upstream_cas", new).await;
        again.assert_problem(409, "already-exists");
        assert_eq!(app.import("acme", manifests::manifest("acme", 1), "").await.status, 200);
        let shown = app.get("/upstream_cas/rest.crt").await.json();
        assert_eq!(shown["upstreamConsumers"][0]["ownerKey"], "acme");
        assert_eq!(shown["certificates"][0]["subject"], "CN=Test CA");
        assert_eq!(app.delete("/upstream_cas/rest.crt").await.status, 204);
        assert_eq!(app.delete("/upstream_cas/rest.crt").await.status, 204);
        assert_eq!(ca_of(&app).await["status"], "MISSING");
        app.get("/upstream_cas/rest.crt").await.assert_problem(404, "ca-not-found");
        let refused = app.import("acme", manifests::manifest("acme", 1), "?force=MANIFEST_SAME").await;
        refused.assert_problem(409, "manifest-conflict");
    }

    async fn a_ca_over_rest_takes_no_files_name_and_must_be_one(database: TestDatabase) {
        let app = TestApp::start(database).await;
        app.trust("taken.crt", &CA.certificate_pem().unwrap()).await;
        let stranger = STRANGER.certificate_pem().unwrap();
        let taken = json!({"filename": "taken.crt", "pem": stranger});
        let taken = app.json(Method::POST, "/upstream_cas", taken).await;
        taken.assert_problem(409, "already-exists");
        let none = json!({"filename": "none.crt", "pem": "no certificate"});
        app.json(Method::POST, "/upstream_cas", none).await.assert_problem(400, "ca-invalid");
        for name in ["../up.crt", "a/b.crt", "", ".hidden"] {
            let bad = json!({"filename": name, "pem": stranger});
            app.json(Method::POST, "/upstream_cas", bad).await.assert_problem(400, "bad-request");
        }
        app.delete("/upstream_cas/taken.crt").await.assert_problem(409, "ca-from-directory");
    }

    async fn a_private_key_beside_a_certificate_is_not_kept(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let key = CA.key_pem().unwrap();
        let both = format!("{}{}", key.expose(), CA.certificate_pem().unwrap());
        let added = app
            .json(Method::POST, "/upstream_cas", json!({"filename": "both.crt", "pem": both}))
            .await;
        assert_eq!(added.status, 201, "{}", added.text);
        let stored = app.state.store.upstream_cas().await.unwrap();
        assert_eq!(stored[0].pem, CA.certificate_pem().unwrap());
    }

    async fn a_ca_for_one_owner_verifies_no_other(database: TestDatabase) {
        let app = TestApp::start(database).await;
        app.owner("acme").await;
        app.owner("other").await;
        let pem = CA.certificate_pem().unwrap();
        let bound = json!({"filename": "bound.crt", "pem": pem, "owners": ["acme"]});
        app.json(Method::POST, "/upstream_cas", bound).await;
        assert_eq!(app.import("acme", manifests::manifest("acme", 1), "").await.status, 200);
        let refused = app.import("other", manifests::manifest("other", 1), "").await;
        let body = refused.assert_problem(409, "manifest-conflict");
        assert!(body["detail"].as_str().unwrap().contains("not set to verify"), "{body}");
        // A second file with the same key lifts nothing.
        app.trust("twin.crt", &pem).await;
        let still = app.import("other", manifests::manifest("other", 1), "").await;
        still.assert_problem(409, "manifest-conflict");
    }

    async fn a_dry_run_says_whom_a_removal_orphans(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let pem = CA.certificate_pem().unwrap();
        for name in ["one.crt", "two.crt"] {
            let new = json!({"filename": name, "pem": pem});
            assert_eq!(app.json(Method::POST, "/upstream_cas", new).await.status, 201);
        }
        for owner in ["other", "acme"] {
            app.owner(owner).await;
            assert_eq!(app.import(owner, manifests::manifest(owner, 1), "").await.status, 200);
        }
        let dry = async |name: &str| {
            let answer = app.delete(&format!("/upstream_cas/{name}?dry_run=true")).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_eq!(answer.json()["filename"], name);
            answer.json()["orphaned"].clone()
        };
        // While another CA has the same certificate nobody is orphaned, nor by one that is unknown.
        assert_eq!(dry("one.crt").await, json!([]));
        assert_eq!(dry("unknown.crt").await, json!([]));
        assert_eq!(app.delete("/upstream_cas/one.crt").await.status, 204);
        let orphaned = dry("two.crt").await;
        let owners: Vec<&Value> = orphaned.as_array().unwrap().iter().map(|o| &o["ownerKey"]).collect();
        assert_eq!(owners, ["acme", "other"]);
        let consumers = app.get("/owners/acme/upstream_consumers").await.json();
        assert_eq!(orphaned[0]["uuid"], consumers[0]["uuid"]);
        assert_eq!(orphaned[0]["name"], consumers[0]["name"]);
        assert_eq!(ca_of(&app).await["status"], "PRESENT", "nothing was removed");
        // A renewed certificate has the same key, and a file of the directory may be asked about too.
        let validity = Validity { from: now(), until: now() + Duration::days(4000) };
        let mut usage = openssl::x509::extension::KeyUsage::new();
        usage.digital_signature().key_cert_sign();
        let renewed = CA.renewed(validity, Some(None), usage).unwrap();
        app.trust("renewed.crt", &renewed.certificate_pem().unwrap()).await;
        assert_eq!(dry("two.crt").await, json!([]));
        assert_eq!(app.delete("/upstream_cas/two.crt").await.status, 204);
        assert_eq!(ca_of(&app).await["filename"], "renewed.crt");
        assert_eq!(dry("renewed.crt").await.as_array().unwrap().len(), 2);
        std::fs::remove_file(app.ca_dir.join("renewed.crt")).unwrap();
        eventually("the CA is missing", || async { ca_of(&app).await["status"] == "MISSING" }).await;
        app.delete("/upstream_cas/two.crt?dry_run=perhaps").await.assert_problem(400, "bad-request");
    }
}
