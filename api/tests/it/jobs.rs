//! Imports that run without their client: durable before the answer, done once, in the owner's order,
//! taken back, taken over.

use std::time::Duration;

use portolan_storage::{Role, Store, both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    manifests::{CA, STRANGER, described, id, manifest, signed_by},
    support::{Answer, TestApp, eventually, now},
};

async fn started(database: TestDatabase) -> TestApp {
    let app = TestApp::start_with(database, |config| config.jobs.lease_seconds = 1).await;
    app.owner("acme").await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    app
}

async fn enqueue(app: &TestApp, owner: &str, zip: Vec<u8>, query: &str) -> Answer {
    app.import(owner, zip, &format!("/async{query}")).await
}

/// The id of a job that was taken.
async fn taken(app: &TestApp, zip: Vec<u8>, query: &str) -> String {
    let answer = enqueue(app, "acme", zip, query).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    let job = answer.json();
    let id = job["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), format!("/jobs/{id}"));
    assert_eq!(job["statusPath"], format!("/jobs/{id}"));
    id
}

async fn ended(app: &TestApp, job: &str) -> Value {
    let answer = app.get(&format!("/jobs/{job}?wait=30s")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Another node on the same database.
async fn node_beside(database: &TestDatabase) -> Store {
    let key = database.folder.path().join("master.key");
    let master = portolan_storage::MasterKey::read(&key).unwrap();
    Store::connect(&database.settings, master).await.unwrap()
}

both_engines! {
    async fn a_job_ends_with_the_import_record(database: TestDatabase) {
        let app = started(database).await;
        let zip = manifest("acme", 3);
        let job = taken(&app, zip.clone(), "").await;
        let done = ended(&app, &job).await;
        assert_eq!(done["state"], "FINISHED", "{done}");
        assert_eq!((&done["key"], &done["name"]), (&json!("ImportJob"), &json!("Import Manifest")));
        let record = &done["resultData"];
        assert_eq!(record["counts"]["added"], 3, "{done}");
        assert_eq!(record["uploadedBy"], "admin");
        assert_eq!(record["status"], "SUCCESS");
        for time in ["created", "updated", "startTime", "endTime"] {
            assert!(done[time].as_str().unwrap().ends_with('Z'), "{time}: {done}");
        }
        assert_eq!(app.records("acme").await[0], *record);
        assert_eq!(app.get("/entitlements/acme-0/cdn_info").await.status, 200);
        // The same bytes again: passed over, or refused, as asked.
        let skipped = ended(&app, &taken(&app, zip.clone(), "?on_same=skip").await).await;
        assert_eq!(skipped["state"], "FINISHED", "{skipped}");
        assert_eq!(skipped["resultData"]["unchanged"], true);
        let refused = ended(&app, &taken(&app, zip, "?on_same=conflict").await).await;
        assert_eq!(refused["state"], "FAILED", "{refused}");
        assert_eq!(refused["resultData"]["conflicts"], json!(["MANIFEST_SAME"]));
    }

    async fn what_is_refused_becomes_failed_with_its_problem(database: TestDatabase) {
        let app = started(database).await;
        let about = described("acme", now(), &[id(1)]);
        for (zip, slug, stage) in [
            (b"no zip".to_vec(), "manifest-archive-invalid", "archive"),
            (signed_by(&STRANGER, &about), "manifest-conflict", "signature"),
        ] {
            let done = ended(&app, &taken(&app, zip, "").await).await;
            assert_eq!(done["state"], "FAILED", "{done}");
            let problem = &done["resultData"];
            assert_eq!(problem["type"], format!("urn:portolan:problem:{slug}"), "{done}");
            assert_eq!(problem["stage"], stage);
            assert_eq!(problem["displayMessage"], problem["detail"]);
            assert_eq!(app.records("acme").await[0]["status"], "FAILURE");
        }
        // What is wrong with the request itself is said at once, and nothing is taken.
        let path = "/owners/acme/imports/async";
        for (query, kind, status, slug) in [
            ("?force=all", "application/zip", 400, "bad-request"),
            ("?cdn_url=ftp://x", "application/zip", 400, "cdn-url-invalid"),
            ("", "text/plain", 415, "unsupported-media-type"),
        ] {
            let request = app.request(Method::POST, &format!("{path}{query}")).bearer_auth(&app.admin);
            let answer = app.send(request.header("content-type", kind).body("x")).await;
            answer.assert_problem(status, slug);
        }
        enqueue(&app, "nobody", b"x".to_vec(), "").await.assert_problem(404, "owner-not-found");
        assert!(app.state.store.jobs(None, None, 10).await.unwrap().items.len() == 2);
    }

    async fn a_dry_run_as_a_job_stores_nothing(database: TestDatabase) {
        let app = started(database).await;
        let done = ended(&app, &taken(&app, manifest("acme", 2), "?dry_run=true").await).await;
        assert_eq!(done["state"], "FINISHED", "{done}");
        assert_eq!(done["resultData"]["dryRun"], true);
        assert_eq!(done["resultData"]["counts"]["added"], 2);
        assert_eq!(app.records("acme").await.len(), 0);
        assert_eq!(app.get("/owners/acme/upstream_consumers").await.text, "[]");
    }

    async fn an_owners_jobs_come_in_their_order_and_all_force_what_they_ask(database: TestDatabase) {
        let app = started(database).await;
        let mut jobs = Vec::new();
        for step in 0..4_u32 {
            let about = described("acme", now() - time::Duration::hours(9 - i64::from(step)), &[id(step)]);
            jobs.push(taken(&app, signed_by(&CA, &about), "").await);
        }
        let older = described("acme", now() - time::Duration::hours(20), &[id(9)]);
        jobs.push(taken(&app, signed_by(&CA, &older), "?force=true").await);
        for job in &jobs {
            let done = ended(&app, job).await;
            assert_eq!(done["state"], "FINISHED", "{done}");
        }
        let records = app.records("acme").await;
        assert_eq!(records.len(), 5);
        assert_eq!(records[0]["forcedConflicts"], json!(["MANIFEST_OLD"]));
    }

    async fn a_job_that_was_taken_back_stores_nothing(database: TestDatabase) {
        let app = started(database).await;
        // The owner's turn is ours: the job waits for it.
        let turn = app.state.importer.turn(&"acme".parse().unwrap()).await.unwrap();
        let job = taken(&app, manifest("acme", 2), "").await;
        let path = format!("/jobs/{job}");
        eventually("the job runs", || async { app.get(&path).await.json()["state"] == "RUNNING" }).await;
        assert_eq!(app.delete(&path).await.status, 204);
        let done = app.get(&path).await.json();
        assert_eq!((&done["state"], &done["resultData"]), (&json!("CANCELED"), &Value::Null));
        drop(turn);
        assert_eq!(app.delete(&path).await.status, 204, "what is final stays so");
        assert_eq!(app.get(&path).await.json()["state"], "CANCELED");
        // The next one goes on, so the one before has let go of everything.
        let next = ended(&app, &taken(&app, manifest("other", 1), "").await).await;
        assert_eq!(next["state"], "FINISHED", "{next}");
        assert_eq!(app.records("acme").await.len(), 1);
        let gone = uuid::Uuid::nil();
        app.get(&format!("/jobs/{gone}")).await.assert_problem(404, "job-not-found");
        assert_eq!(app.delete(&format!("/jobs/{gone}")).await.status, 204);
        app.get("/jobs/1").await.assert_problem(400, "bad-request");
        let audit = app.get("/audit?action=job.cancel").await.json();
        assert_eq!(audit[0]["ownerKey"], "acme", "{audit}");
    }

    async fn a_job_whose_node_died_is_taken_over_and_done_once(database: TestDatabase) {
        let app = started(database.clone()).await;
        app.stop().await;
        let other = node_beside(&database).await;
        // A node that takes the job, and is never heard of again.
        let (upload, file) = upload(&manifest("acme", 2));
        let owner = "acme".parse().unwrap();
        let by = crate::support::by();
        let request = portolan_storage::JobRequest::default();
        let job = other.create_job(&owner, (&upload, &file), &request, 9, &by).await.unwrap();
        let lease = Duration::from_secs(1);
        let (lost, _) = other.claim_job(lease, &[], now()).await.unwrap().unwrap();
        assert_eq!((lost.id, lost.attempt), (job.id, 1));
        let again = other.claim_job(lease, &[], now()).await.unwrap();
        assert!(again.is_none(), "a claim that holds is nobody else's");
        let store = node_beside(&database).await;
        store.revoke_credential("admin", &by).await.unwrap();
        let app = TestApp::start_on(store, database, |config| config.jobs.lease_seconds = 1).await;
        let done = ended(&app, &job.id.to_string()).await;
        assert_eq!(done["state"], "FINISHED", "{done}");
        assert_eq!(app.records("acme").await.len(), 1);
        // Whoever was thought dead, and comes back, ends nothing.
        let late = other.fail_job(lost, "{}".to_owned(), now()).await;
        assert!(matches!(late, Err(portolan_storage::StorageError::JobLost)), "{late:?}");
        assert!(!other.renew_claim(lost, lease, 0, now()).await.unwrap());
        other.release_claim(lost, Duration::ZERO).await.unwrap();
        assert_eq!(app.get(&format!("/jobs/{}", job.id)).await.json()["state"], "FINISHED");
    }

    async fn a_node_that_ends_puts_its_job_back(database: TestDatabase) {
        let app = started(database.clone()).await;
        let owner = "acme".parse().unwrap();
        let turn = app.state.importer.turn(&owner).await.unwrap();
        let job = taken(&app, manifest("acme", 2), "").await;
        let path = format!("/jobs/{job}");
        eventually("the job runs", || async { app.get(&path).await.json()["state"] == "RUNNING" }).await;
        app.stop().await;
        drop(turn);
        let other = node_beside(&database).await;
        let put_back = other.job(job.parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(put_back.state.as_str(), "QUEUED");
        other.revoke_credential("admin", &crate::support::by()).await.unwrap();
        let app = TestApp::start_on(other, database, |_| {}).await;
        assert_eq!(ended(&app, &job).await["state"], "FINISHED");
    }

    async fn jobs_are_bounded_and_old_ones_forgotten(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| config.jobs.waiting_per_owner = 2).await;
        app.owner("acme").await;
        app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
        let turn = app.state.importer.turn(&"acme".parse().unwrap()).await.unwrap();
        let (zip, mut jobs) = (manifest("acme", 1), Vec::new());
        for _ in 0..2 {
            jobs.push(taken(&app, zip.clone(), "?on_same=skip").await);
        }
        let full = enqueue(&app, "acme", manifest("acme", 1), "").await;
        full.assert_problem(503, "too-many-jobs");
        assert!(full.header("retry-after").parse::<u64>().is_ok());
        drop(turn);
        let first = ended(&app, &jobs[0]).await;
        let second = ended(&app, &jobs[1]).await;
        assert_eq!(first["resultData"]["unchanged"], false, "{first}");
        assert_eq!(second["resultData"]["unchanged"], true, "{second}");
        assert_eq!(second["resultData"]["id"], first["resultData"]["id"]);
        let store = &app.state.store;
        assert_eq!(store.forget_jobs(now()).await.unwrap(), 0, "they ended just now");
        let later = now() + time::Duration::days(1);
        assert_eq!(store.forget_jobs(later).await.unwrap(), 2);
        app.get(&format!("/jobs/{}", jobs[0])).await.assert_problem(404, "job-not-found");
        assert_eq!(app.records("acme").await.len(), 1, "records are no jobs");
    }

    async fn a_waiting_client_is_answered_in_its_time(database: TestDatabase) {
        let app = started(database).await;
        let turn = app.state.importer.turn(&"acme".parse().unwrap()).await.unwrap();
        let job = taken(&app, manifest("acme", 1), "").await;
        let path = format!("/jobs/{job}");
        let asked = std::time::Instant::now();
        let early = app.get(&format!("{path}?wait=1s")).await.json();
        assert!(asked.elapsed() >= Duration::from_secs(1));
        assert_ne!(early["state"], "FINISHED");
        let url = format!("{path}?wait=5m");
        let many = (0..20).map(|_| app.get(&url));
        let freed = async { drop(turn) };
        let (answers, ()) = tokio::join!(futures_util::future::join_all(many), freed);
        for answer in answers {
            assert_eq!(answer.json()["state"], "FINISHED", "{}", answer.text);
        }
        for bad in ["6m", "x", "", "-1s"] {
            app.get(&format!("{path}?wait={bad}")).await.assert_problem(400, "bad-request");
        }
    }

    async fn a_job_is_its_owners(database: TestDatabase) {
        let app = started(database).await;
        app.owner("other").await;
        let job = taken(&app, manifest("acme", 1), "").await;
        let path = format!("/jobs/{job}");
        let (own, other) =
            (app.key(Role::Manager, &["acme"]).await, app.key(Role::Manager, &["other"]).await);
        for method in [Method::GET, Method::DELETE] {
            let answer = app.send(app.request(method, &path).bearer_auth(&other)).await;
            answer.assert_problem(403, "forbidden");
        }
        assert_eq!(app.send(app.request(Method::GET, &path).bearer_auth(&own)).await.status, 200);
        let proxy = app.key(Role::Proxy, &[]).await;
        let answer = app.send(app.request(Method::GET, &path).bearer_auth(&proxy)).await;
        answer.assert_problem(403, "forbidden");
    }

    async fn an_upload_that_waits_is_sealed(database: TestDatabase) {
        let app = started(database.clone()).await;
        let turn = app.state.importer.turn(&"acme".parse().unwrap()).await.unwrap();
        let zip = manifest("acme", 1);
        let job = taken(&app, zip.clone(), "").await;
        let pieces = crate::restores::stored_pieces(&database).await;
        assert!(!pieces.is_empty());
        for window in zip.chunks(64).filter(|chunk| chunk.len() == 64) {
            let open = pieces.iter().any(|piece| piece.windows(64).any(|bytes| bytes == window));
            assert!(!open, "an upload lies open in the database");
        }
        drop(turn);
        assert_eq!(ended(&app, &job).await["state"], "FINISHED");
    }
}

/// An upload as a file of ours.
fn upload(bytes: &[u8]) -> (portolan_storage::Upload, std::sync::Arc<std::fs::File>) {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    let upload = portolan_storage::Upload {
        file_name: None,
        sha256: portolan_domain::digest::Sha256Digest::of(bytes),
        size: bytes.len() as u64,
        uploaded_by: "test".to_owned(),
    };
    (upload, std::sync::Arc::new(file))
}
