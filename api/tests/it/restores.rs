//! An earlier import comes back: the last ten are kept, sealed, and verified again by today's anchors.

use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use sea_orm::{ConnectionTrait, Database, Statement};
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

/// Imports a manifest with one entitlement, and tells the record's id.
async fn imported(app: &TestApp, seed: &str, number: u32, query: &str) -> String {
    let made = now() - Duration::hours(100 - i64::from(number));
    let zip = signed_by(&CA, &described(seed, made, &[id(number)]));
    let answer = app.import("acme", zip, query).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["restorable"], true);
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn restore(app: &TestApp, import: &str) -> Answer {
    let path = format!("/owners/acme/imports/{import}/restore");
    app.send(app.request(Method::POST, &path).bearer_auth(&app.admin))
        .await
}

async fn has(app: &TestApp, number: u32) -> bool {
    app.get(&format!("/entitlements/{}/cdn_info", id(number)))
        .await
        .status
        == 200
}

/// All that lies in the pieces of uploads.
pub async fn stored_pieces(database: &TestDatabase) -> Vec<Vec<u8>> {
    let connection = Database::connect(&database.settings.url).await.unwrap();
    let sql = "SELECT sealed FROM upload_pieces ORDER BY upload_id, number";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.unwrap();
    rows.iter()
        .map(|row| row.try_get("", "sealed").unwrap())
        .collect()
}

both_engines! {
    async fn an_earlier_import_is_put_back_to_the_byte(database: TestDatabase) {
        let app = started(database).await;
        let first = imported(&app, "acme", 1, "?cdn_url=https://first.example.com").await;
        let before = app.get(&format!("/entitlements/{}/cdn_info", id(1))).await.text;
        // A newer one, and of another consumer: the accident.
        imported(&app, "stranger", 2, "?force=DISTRIBUTOR_CONFLICT").await;
        assert!(!has(&app, 1).await && has(&app, 2).await);
        let record = restore(&app, &first).await;
        assert_eq!(record.status, 200, "{}", record.text);
        let record = record.json();
        assert_eq!(record["forcedConflicts"], json!(["MANIFEST_OLD", "DISTRIBUTOR_CONFLICT"]));
        assert_eq!(record["counts"], json!({"added": 1, "updated": 0, "removed": 1, "unchanged": 0, "downstreamRemoved": 0}));
        assert!(record["statusMessage"].as_str().unwrap().contains(&first), "{record}");
        assert!(has(&app, 1).await && !has(&app, 2).await);
        let after = app.get(&format!("/entitlements/{}/cdn_info", id(1))).await.text;
        assert_eq!(after, before, "its CDN URL, its key and all");
        let records = app.records("acme").await;
        assert_eq!((records.len(), &records[0]), (3, &record));
        // The restored one can be restored as well, and so can what it replaced.
        let again = restore(&app, record["id"].as_str().unwrap()).await.json();
        assert_eq!(again["forcedConflicts"], json!(["MANIFEST_SAME"]));
        assert_eq!(restore(&app, records[1]["id"].as_str().unwrap()).await.status, 200);
        assert!(has(&app, 2).await);
        let audit = app.get("/audit?action=import.restore").await.json();
        assert_eq!(audit.as_array().unwrap().len(), 3);
    }

    async fn the_last_ten_are_kept(database: TestDatabase) {
        let app = started(database.clone()).await;
        let mut imports = Vec::new();
        for number in 1..=12 {
            imports.push(imported(&app, "acme", number, "").await);
        }
        let refused = app.import("acme", b"no zip".to_vec(), "").await;
        refused.assert_problem(400, "manifest-archive-invalid");
        let records = app.records("acme").await;
        let restorable: Vec<bool> =
            records.iter().map(|record| record["restorable"] == true).collect();
        let expected: Vec<bool> = (0..13).map(|at| (1..=10).contains(&at)).collect();
        assert_eq!(restorable, expected);
        assert_eq!(stored_pieces(&database).await.len(), 10);
        for gone in [&imports[0], &imports[1]] {
            restore(&app, gone).await.assert_problem(409, "import-not-restorable");
        }
        let failure = records[0]["id"].as_str().unwrap();
        restore(&app, failure).await.assert_problem(409, "import-not-restorable");
        restore(&app, &uuid::Uuid::nil().to_string()).await.assert_problem(404, "import-not-found");
        restore(&app, "x").await.assert_problem(400, "bad-request");
        assert_eq!(restore(&app, &imports[2]).await.status, 200);
        assert!(has(&app, 3).await);
        // A dry run keeps nothing.
        let zip = signed_by(&CA, &described("acme", now(), &[id(50)]));
        let dry = app.import("acme", zip, "?dry_run=true").await.json();
        assert_eq!(dry["restorable"], false);
        assert_eq!(stored_pieces(&database).await.len(), 10);
    }

    async fn restoring_in_turn_forgets_no_other_upload(database: TestDatabase) {
        let app = started(database.clone()).await;
        let mut imports = Vec::new();
        for number in 1..=3 {
            imports.push(imported(&app, "acme", number, "").await);
        }
        for turn in 0..12 {
            assert_eq!(restore(&app, &imports[turn % 2]).await.status, 200);
        }
        assert_eq!(stored_pieces(&database).await.len(), 3);
        assert_eq!(restore(&app, &imports[2]).await.status, 200, "the third is still kept");
        assert!(has(&app, 3).await);
    }

    async fn what_was_undone_comes_back_and_is_no_repetition(database: TestDatabase) {
        let app = started(database).await;
        let zip = signed_by(&CA, &described("acme", now() - Duration::hours(1), &[id(1)]));
        let first = app.import("acme", zip.clone(), "").await.json();
        assert_eq!(app.delete("/owners/acme/imports").await.status, 200);
        assert!(!has(&app, 1).await);
        let again = app.import("acme", zip, "?on_same=skip").await.json();
        assert_eq!((&again["unchanged"], &again["counts"]["added"]), (&json!(false), &json!(1)));
        assert_eq!(app.delete("/owners/acme/imports").await.status, 200);
        let record = restore(&app, first["id"].as_str().unwrap()).await.json();
        assert_eq!(record["forcedConflicts"], json!([]), "nothing stood against it");
        assert!(has(&app, 1).await);
    }

    async fn a_restore_is_verified_by_todays_anchors(database: TestDatabase) {
        let app = started(database).await;
        let first = imported(&app, "acme", 1, "").await;
        imported(&app, "acme", 2, "").await;
        std::fs::remove_file(app.ca_dir.join("test.crt")).unwrap();
        app.state.anchors.reload().await.unwrap();
        let body = restore(&app, &first).await.assert_problem(409, "manifest-conflict");
        assert_eq!(body["conflicts"], json!(["SIGNATURE_CONFLICT"]));
        assert!(has(&app, 2).await && !has(&app, 1).await, "nothing was changed");
        app.trust("renamed.crt", &CA.certificate_pem().unwrap()).await;
        let record = restore(&app, &first).await.json();
        assert_eq!(record["verification"]["caFilename"], "renamed.crt");
    }

    async fn a_restore_takes_nothing_from_another_owner(database: TestDatabase) {
        let app = started(database).await;
        app.owner("other").await;
        let first = imported(&app, "acme", 1, "").await;
        imported(&app, "acme", 2, "").await;
        let made = described("other", now(), &[id(1)]);
        assert_eq!(app.import("other", signed_by(&CA, &made), "").await.status, 200);
        restore(&app, &first).await.assert_problem(409, "entitlement-id-in-use");
        let theirs = app.records("other").await[0]["id"].as_str().unwrap().to_owned();
        restore(&app, &theirs).await.assert_problem(404, "import-not-found");
        let stranger = app.key(Role::Manager, &["other"]).await;
        let path = format!("/owners/acme/imports/{first}/restore");
        let answer = app.send(app.request(Method::POST, &path).bearer_auth(&stranger)).await;
        answer.assert_problem(403, "forbidden");
    }

    async fn a_piece_that_was_exchanged_is_noticed(database: TestDatabase) {
        let app = started(database.clone()).await;
        let first = imported(&app, "acme", 1, "").await;
        imported(&app, "acme", 2, "").await;
        let connection = Database::connect(&database.settings.url).await.unwrap();
        let exchange = "UPDATE upload_pieces SET sealed = (SELECT sealed FROM upload_pieces \
                        ORDER BY upload_id DESC LIMIT 1)";
        connection.execute_unprepared(exchange).await.unwrap();
        restore(&app, &first).await.assert_problem(500, "internal");
        connection.execute_unprepared("DELETE FROM upload_pieces").await.unwrap();
        restore(&app, &first).await.assert_problem(500, "internal");
        assert!(has(&app, 2).await);
    }

    async fn no_upload_is_kept_where_none_shall_be(database: TestDatabase) {
        let app = TestApp::start_with(database.clone(), |config| config.import.keep_uploads = 0).await;
        app.owner("acme").await;
        app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
        let record = app.import("acme", manifest("acme", 1), "").await.json();
        assert_eq!(record["restorable"], false);
        assert_eq!(stored_pieces(&database).await, Vec::<Vec<u8>>::new());
        let import = record["id"].as_str().unwrap();
        let body: Value = restore(&app, import).await.assert_problem(409, "import-not-restorable");
        assert!(body["detail"].as_str().unwrap().contains("import.keep_uploads"), "{body}");
    }
}
