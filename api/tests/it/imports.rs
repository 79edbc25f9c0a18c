//! Imports over HTTP: how an upload may come, what is refused, what is left behind.

use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

use super::{
    manifests::{self, CA, STRANGER, described, id, manifest, signed_by, with_files},
    support::{Answer, TestApp, now},
};

async fn started(database: TestDatabase) -> TestApp {
    with_limits(database, |_| {}).await
}

async fn with_limits(
    database: TestDatabase,
    change: impl FnOnce(&mut portolan::config::Config),
) -> TestApp {
    let app = TestApp::start_with(database, change).await;
    app.owner("acme").await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    app
}

async fn upload(app: &TestApp, kind: &str, body: Vec<u8>) -> Answer {
    let request = app
        .request(Method::POST, "/owners/acme/imports")
        .bearer_auth(&app.admin);
    app.send(request.header("content-type", kind).body(body))
        .await
}

/// A form with these parts: name, file name, content.
fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = file
            .map(|file| format!("; filename=\"{file}\""))
            .unwrap_or_default();
        let head = format!("--X\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--X--\r\n");
    body
}

const FORM: &str = "multipart/form-data; boundary=X";

async fn assert_nothing_is_here(app: &TestApp) {
    assert_eq!(app.get("/owners/acme/upstream_consumers").await.text, "[]");
    let shown = app.get(&format!("/entitlements/{}/cdn_info", id(1))).await;
    shown.assert_problem(404, "entitlement-not-found");
}

both_engines! {
    async fn a_form_with_a_part_of_any_name_is_an_upload(database: TestDatabase) {
        let app = started(database).await;
        let zip = manifest("acme", 1);
        for (number, name) in ["file", "upload", "import", "x"].iter().enumerate() {
            let parts: [(&str, Option<&str>, &[u8]); 2] =
                [("comment", None, b"hello"), (name, Some("dir/acme.zip"), &zip)];
            let answer = upload(&app, FORM, form(&parts)).await;
            if number == 0 {
                let record = answer.json();
                assert_eq!(answer.status, 200, "{record}");
                assert_eq!(record["fileName"], "acme.zip");
                assert_eq!(record["size"], zip.len());
                assert_eq!(record["uploadedBy"], "admin");
            } else {
                let body = answer.assert_problem(409, "manifest-conflict");
                assert_eq!(body["conflicts"], json!(["MANIFEST_SAME"]));
            }
        }
    }

    async fn an_upload_of_another_kind_is_refused(database: TestDatabase) {
        let app = started(database).await;
        let zip = manifest("acme", 1);
        for kind in ["text/plain", "application/json", "multipart/mixed; boundary=X", ""] {
            let refused = upload(&app, kind, zip.clone()).await;
            refused.assert_problem(415, "unsupported-media-type");
        }
        let two: [(&str, Option<&str>, &[u8]); 2] = [("a", Some("a"), &zip), ("b", Some("b"), &zip)];
        upload(&app, FORM, form(&two)).await.assert_problem(400, "bad-request");
        upload(&app, FORM, form(&[("a", None, b"x")])).await.assert_problem(400, "bad-request");
        let whole = form(&[("a", Some("a"), &zip)]);
        let cut = whole[..whole.len() / 2].to_vec();
        upload(&app, FORM, cut).await.assert_problem(400, "bad-request");
        upload(&app, "multipart/form-data", whole).await.assert_problem(400, "bad-request");
        let missing = app.import("nobody", zip.clone(), "").await;
        missing.assert_problem(404, "owner-not-found");
        // What the parser would have to keep: before the first part, in a part's head, in a field.
        let much = vec![b'x'; 3 << 20];
        let before = [&much[..], &form(&[("a", Some("a"), &zip)])].concat();
        let head = [b"--X\r\nX-Long: ", &much[..], b"\r\n\r\nx\r\n--X--\r\n"].concat();
        for body in [before, head, form(&[("text", None, &much), ("a", Some("a"), &zip)])] {
            let refused = upload(&app, FORM, body).await.assert_problem(400, "bad-request");
            assert!(refused["detail"].as_str().unwrap().contains("beside its file"), "{refused}");
        }
        let large = form(&[("text", None, &much[..1000]), ("a", Some("a"), &much)]);
        let read = upload(&app, FORM, large).await.assert_problem(400, "manifest-archive-invalid");
        assert_eq!(read["stage"], "archive", "{read}");
        let failed = app.records("acme").await;
        assert_eq!(failed.len(), 1);
        app.state.store.delete_owner(&"acme".parse().unwrap(), &crate::support::by()).await.unwrap();
        app.owner("acme").await;
        // None of these is a manifest that failed.
        assert_eq!(app.records("acme").await.len(), 0);
    }

    async fn an_upload_over_the_limit_is_413_and_not_recorded(database: TestDatabase) {
        let app = with_limits(database, |config| config.import.limits.upload_bytes = 1000).await;
        let zip = manifest("acme", 1);
        let raw = upload(&app, "application/zip", zip.clone()).await;
        raw.assert_problem(413, "upload-too-large");
        let formed = upload(&app, FORM, form(&[("a", Some("a"), &zip)])).await;
        formed.assert_problem(413, "upload-too-large");
        assert_eq!(app.records("acme").await.len(), 0);
        assert_nothing_is_here(&app).await;
    }

    async fn a_refused_manifest_leaves_its_record_alone(database: TestDatabase) {
        let app = started(database).await;
        let about = described("acme", now() - Duration::hours(1), &[id(1), id(2)]);
        let cases: [(Vec<u8>, u16, &str, &str, Value); 5] = [
            (b"no zip".to_vec(), 400, "manifest-archive-invalid", "archive", Value::Null),
            (signed_by(&STRANGER, &about), 409, "manifest-conflict", "signature", Value::Null),
            (
                // The entitlements before the broken one are in the database when it is read.
                with_files(&CA, &about, &[("export/products/x.json", "{\"a\":1,\"a\":2}")]),
                400, "manifest-content-invalid", "content", json!("export/products/x.json"),
            ),
            (
                with_files(&CA, &about, &[("export/entitlements/x.json", "{\"id\":\"x\"}")]),
                400, "manifest-content-invalid", "content", json!("export/entitlements/x.json"),
            ),
            (
                with_files(&CA, &about, &[("export/../x", "")]),
                400, "manifest-archive-invalid", "archive", json!("export/../x"),
            ),
        ];
        for (number, (zip, status, slug, stage, entry)) in cases.into_iter().enumerate() {
            let refused = app.import("acme", zip, "").await;
            let body = refused.assert_problem(status, slug);
            assert_eq!(body["stage"], stage, "{body}");
            if entry != Value::Null {
                assert_eq!(body["entry"], entry, "{body}");
            }
            let records = app.records("acme").await;
            assert_eq!(records.len(), number + 1);
            assert_eq!(records[0]["status"], "FAILURE");
            assert_eq!(records[0]["statusMessage"], body["detail"]);
            assert_nothing_is_here(&app).await;
        }
        assert_eq!(app.import("acme", signed_by(&CA, &about), "").await.status, 200);
    }

    async fn conflicts_come_together_and_are_forced_one_by_one(database: TestDatabase) {
        let app = started(database).await;
        let first = described("first", now() - Duration::hours(1), &[id(1)]);
        assert_eq!(app.import("acme", signed_by(&CA, &first), "").await.status, 200);
        let other = described("other", now() - Duration::hours(2), &[id(2)]);
        let other = signed_by(&CA, &other);
        let both = json!(["MANIFEST_OLD", "DISTRIBUTOR_CONFLICT"]);
        let refused = app.import("acme", other.clone(), "").await;
        assert_eq!(refused.assert_problem(409, "manifest-conflict")["conflicts"], both);
        for (force, left) in [
            ("?force=true", json!(["DISTRIBUTOR_CONFLICT"])),
            ("?force=DISTRIBUTOR_CONFLICT", json!(["MANIFEST_OLD"])),
            ("?force=false&force=MANIFEST_SAME", both),
        ] {
            let refused = app.import("acme", other.clone(), force).await;
            let body = refused.assert_problem(409, "manifest-conflict");
            assert_eq!(body["conflicts"], left, "{force}");
        }
        let bad = app.import("acme", other.clone(), "?force=everything").await;
        bad.assert_problem(400, "bad-request");
        let forced = "?force=MANIFEST_OLD&force=DISTRIBUTOR_CONFLICT";
        let forced = app.import("acme", other, forced).await.json();
        assert_eq!(forced["forcedConflicts"], json!(["MANIFEST_OLD", "DISTRIBUTOR_CONFLICT"]));
        assert_eq!(forced["counts"]["added"], 1);
        assert_eq!(forced["counts"]["removed"], 1);
    }

    async fn a_signature_is_forced_only_where_the_server_allows_it(database: TestDatabase) {
        let app = started(database.clone()).await;
        let zip = signed_by(&STRANGER, &described("acme", now(), &[id(1)]));
        let refused = app.import("acme", zip.clone(), "?force=SIGNATURE_CONFLICT").await;
        refused.assert_problem(409, "manifest-conflict");
        app.stop().await;
        let store = reopened(&database).await;
        store.revoke_credential("admin", &crate::support::by()).await.unwrap();
        let app = TestApp::start_on(store, database, |config| {
            config.import.allow_forced_signature = true;
        })
        .await;
        let unforced = app.import("acme", zip.clone(), "").await;
        unforced.assert_problem(409, "manifest-conflict");
        let forced = app.import("acme", zip, "?force=SIGNATURE_CONFLICT").await.json();
        assert_eq!(forced["verification"]["outcome"], "FORCED", "{forced}");
        assert_eq!(forced["forcedConflicts"], json!(["SIGNATURE_CONFLICT"]));
        let info = app.get(&format!("/entitlements/{}/cdn_info", id(1))).await.json();
        assert_eq!(info["caCertificate"]["status"], "NONE");
        assert_eq!(info["caCertificate"]["pem"], Value::Null);
    }

    async fn what_is_another_owners_nothing_forces(database: TestDatabase) {
        let app = started(database).await;
        app.owner("other").await;
        assert_eq!(app.import("acme", manifest("acme", 2), "").await.status, 200);
        let all = "?force=MANIFEST_OLD&force=MANIFEST_SAME&force=DISTRIBUTOR_CONFLICT";
        let same = app.import("other", manifest("acme", 2), all).await;
        same.assert_problem(409, "upstream-consumer-in-use");
        let thief = described("thief", now(), &["acme-1".to_owned(), id(9)]);
        let taken = app.import("other", signed_by(&CA, &thief), all).await;
        taken.assert_problem(409, "entitlement-id-in-use");
        let info = app.get("/entitlements/acme-1/cdn_info").await.json();
        assert_eq!(info["ownerKey"], "acme");
        app.get(&format!("/entitlements/{}/cdn_info", id(9)))
            .await
            .assert_problem(404, "entitlement-not-found");
    }

    async fn the_very_same_bytes_are_skipped_where_that_is_asked_for(database: TestDatabase) {
        let app = started(database).await;
        let zip = manifest("acme", 2);
        let first = app.import("acme", zip.clone(), "?on_same=skip").await.json();
        assert_eq!(first["unchanged"], false);
        let again = app.import("acme", zip.clone(), "?on_same=skip").await.json();
        assert_eq!((&again["id"], &again["unchanged"]), (&first["id"], &json!(true)));
        assert_eq!(app.records("acme").await.len(), 1);
        let refused = app.import("acme", zip.clone(), "?on_same=conflict").await;
        refused.assert_problem(409, "manifest-conflict");
        for wrong in ["perhaps", ""] {
            let refused = app.import("acme", zip.clone(), &format!("?on_same={wrong}")).await;
            refused.assert_problem(400, "bad-request");
        }
    }

    async fn a_dry_run_stores_nothing(database: TestDatabase) {
        let app = started(database).await;
        let zip = signed_by(&CA, &described("acme", now(), &[id(1)]));
        let dry = app.import("acme", zip.clone(), "?dry_run=true").await.json();
        assert_eq!((&dry["dryRun"], &dry["counts"]["added"]), (&json!(true), &json!(1)));
        assert_eq!(app.records("acme").await.len(), 0);
        assert_nothing_is_here(&app).await;
        assert_eq!(app.import("acme", zip, "").await.json()["counts"]["added"], 1);
    }

    async fn a_cdn_url_comes_from_parameter_file_or_label(database: TestDatabase) {
        let app = started(database).await;
        let mut about = described("acme", now() - Duration::hours(3), &[id(1)]);
        let cdn_of = async |about: &_, query: &str| {
            let answer = app.import("acme", signed_by(&CA, about), query).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let info = app.get(&format!("/entitlements/{}/cdn_info", id(1))).await.json();
            (info["cdnUrl"].clone(), info["cdnLabel"].clone(), answer.json()["warnings"].clone())
        };
        about.cdn_label = Some("edge".to_owned());
        let (url, label, warnings) = cdn_of(&about, "").await;
        assert_eq!((url, label), (json!("https://cdn.redhat.com:443"), json!("edge")));
        assert_eq!(warnings[0]["code"], "cdn-label-unknown");
        about.cdns.push(portolan_domain::build::CdnDescription {
            label: "edge".to_owned(), name: None, url: "https://edge.example.com".to_owned(),
        });
        let (url, label, warnings) = cdn_of(&about, "?force=MANIFEST_SAME").await;
        assert_eq!((url, label, warnings), (json!("https://edge.example.com"), json!("edge"), json!([])));
        about.cdn_url = Some("https://meta.example.com".to_owned());
        let (url, ..) = cdn_of(&about, "?force=MANIFEST_SAME").await;
        assert_eq!(url, "https://meta.example.com");
        let query = "?force=MANIFEST_SAME&cdn_url=https://given.example.com:8443/base";
        let (url, ..) = cdn_of(&about, query).await;
        assert_eq!(url, "https://given.example.com:8443/base");
        for bad in ["http://a.example", "https://u:p@a.example", "https://a.example/%23#x", "edge"] {
            let request = app.request(Method::POST, "/owners/acme/imports").bearer_auth(&app.admin);
            let request = request.query(&[("cdn_url", bad)]).header("content-type", "application/zip");
            app.send(request.body("x")).await.assert_problem(400, "cdn-url-invalid");
        }
    }

    async fn clients_that_stop_sending_keep_nobody_from_importing(database: TestDatabase) {
        let app = started(database).await;
        let mut silent = Vec::new();
        for _ in 0..4 {
            let mut connection =
                tokio::net::TcpStream::connect(app.url.strip_prefix("http://").unwrap()).await.unwrap();
            let head = format!(
                "POST /owners/acme/imports HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
                 Content-Type: application/zip\r\nContent-Length: 1000\r\n\r\nPK",
                app.admin
            );
            tokio::io::AsyncWriteExt::write_all(&mut connection, head.as_bytes()).await.unwrap();
            silent.push(connection);
        }
        let import = app.import("acme", manifest("acme", 1), "");
        let answer = tokio::time::timeout(std::time::Duration::from_secs(15), import).await;
        assert_eq!(answer.expect("an import waits for silent clients").status, 200);
    }

    async fn a_manager_imports_for_his_owner(database: TestDatabase) {
        let app = started(database).await;
        let key = app.key(Role::Manager, &["acme"]).await;
        let request = app.request(Method::POST, "/owners/acme/imports").bearer_auth(&key);
        let request = request.header("content-type", "application/zip");
        let record = app.send(request.body(manifest("acme", 1))).await.json();
        assert_eq!(record["uploadedBy"], "manager-acme", "{record}");
    }

    async fn eight_owners_import_at_once_and_one_of_twins_wins(database: TestDatabase) {
        let app = started(database).await;
        let owners: Vec<String> = (0..8).map(|number| format!("owner-{number}")).collect();
        for owner in &owners {
            app.owner(owner).await;
        }
        let all = owners.iter().map(|owner| app.import(owner, manifest(owner, 20), ""));
        let twins = [0, 1].map(|_| app.import("acme", manifest("acme", 20), ""));
        let (all, twins) = tokio::join!(
            futures_util::future::join_all(all),
            futures_util::future::join_all(twins)
        );
        for answer in all {
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        let mut outcomes: Vec<u16> = twins.iter().map(|answer| answer.status.as_u16()).collect();
        outcomes.sort_unstable();
        assert_eq!(outcomes, [200, 409]);
    }
}

async fn reopened(database: &TestDatabase) -> portolan_storage::Store {
    let key = database.folder.path().join("master.key");
    let master = portolan_storage::MasterKey::read(&key).unwrap();
    portolan_storage::Store::connect(&database.settings, master)
        .await
        .unwrap()
}

#[test]
fn the_form_of_these_tests_is_what_curl_sends() {
    let text = String::from_utf8(form(&[("a", Some("b"), b"c")])).unwrap();
    let head =
        "--X\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\nc\r\n--X--\r\n";
    assert_eq!(text, head);
    assert!(manifests::manifest("x", 1).starts_with(b"PK"));
}
