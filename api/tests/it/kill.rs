//! `kill -9` at any moment of an import leaves all of it or nothing.

use std::{path::PathBuf, process::Stdio, time::Duration};

use portolan_domain::{build::Description, digest::Sha256Digest};
use portolan_storage::{both_engines, testing::TestDatabase};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::{
    manifests::{CA, signed_by},
    support::now,
};

const ENTITLEMENTS: u32 = 600;
const KILLS: u32 = 16;

/// Two manifests of one consumer that share no entitlement, as files.
struct Pair {
    files: [PathBuf; 2],
    digests: [String; 2],
}

fn pair(database: &TestDatabase) -> Pair {
    let write = |name: &str, first: u32| {
        let description = Description {
            seed: "pair".to_owned(),
            created: Some(now()),
            generate: ENTITLEMENTS,
            generate_from: first,
            ..Description::default()
        };
        let bytes = signed_by(&CA, &description);
        let path = database.folder.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        (path, Sha256Digest::of(&bytes).to_string())
    };
    let ((a, digest_a), (b, digest_b)) = (write("a.zip", 0), write("b.zip", 100_000));
    Pair {
        files: [a, b],
        digests: [digest_a, digest_b],
    }
}

fn portolan(database: &TestDatabase, arguments: &[&str]) -> Command {
    let folder = database.folder.path();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
    command
        .args(arguments)
        .args(["--database-url", &database.settings.url])
        .arg("--data-dir")
        .arg(folder)
        .env(
            "PORTOLAN__SECRETS__MASTER_KEY_FILE",
            folder.join("master.key"),
        )
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
}

fn import(database: &TestDatabase, manifest: &std::path::Path) -> Child {
    let manifest = manifest.to_str().unwrap();
    let arguments = [
        "import",
        manifest,
        "--owner",
        "acme",
        "--force",
        "MANIFEST_SAME",
    ];
    portolan(database, &arguments).spawn().unwrap()
}

/// What is stored, in one statement and so of one moment: entitlements, ids, pools, and the upload
/// that the last successful record speaks of.
async fn stored(connection: &DatabaseConnection) -> (i64, i64, i64, Option<String>) {
    let sql = "SELECT (SELECT count(*) FROM entitlements) AS entitlements, \
               (SELECT count(*) FROM entitlement_ids) AS ids, \
               (SELECT count(*) FROM pools) AS pools, \
               (SELECT sha256 FROM imports WHERE status <> 'FAILURE' ORDER BY id DESC LIMIT 1) \
               AS sha256";
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    let number = |name: &str| row.try_get::<i64>("", name).unwrap();
    let sha256 = row.try_get("", "sha256").unwrap();
    (
        number("entitlements"),
        number("ids"),
        number("pools"),
        sha256,
    )
}

both_engines! {
    async fn an_import_that_is_killed_leaves_all_or_nothing(database: TestDatabase) {
        database.store.create_owner(&"acme".parse().unwrap(), "ACME", &crate::support::by()).await.unwrap();
        let folder = database.folder.path();
        std::fs::create_dir(folder.join("upstream-cas")).unwrap();
        let ca = folder.join("upstream-cas/test.crt");
        std::fs::write(ca, CA.certificate_pem().unwrap()).unwrap();
        let pair = pair(&database);
        let connection = Database::connect(&database.settings.url).await.unwrap();
        let started = std::time::Instant::now();
        assert!(import(&database, &pair.files[0]).wait().await.unwrap().success());
        let whole = started.elapsed();
        let mut current = pair.digests[0].clone();
        let mut killed = 0;
        // Spread over the time that an import takes, a little beyond its end.
        for step in 0..KILLS {
            let next = usize::from(current == pair.digests[0]);
            let mut child = import(&database, &pair.files[next]);
            let moment = whole.mul_f64(f64::from(step) * 1.1 / f64::from(KILLS));
            if tokio::time::timeout(moment, child.wait()).await.is_err() {
                child.kill().await.unwrap();
                killed += 1;
            }
            let (entitlements, ids, pools, sha256) = settled(&connection).await;
            let all = i64::from(ENTITLEMENTS);
            assert_eq!((entitlements, ids, pools), (all, all, all), "after {moment:?}");
            current = sha256.unwrap();
            assert!(pair.digests.contains(&current), "a record of nothing");
        }
        assert!(killed > KILLS / 4, "only {killed} imports were killed: the test proves nothing");
        // Whatever was killed holds no lock: the next import goes through.
        let next = usize::from(current == pair.digests[0]);
        assert!(import(&database, &pair.files[next]).wait().await.unwrap().success());
        let (.., sha256) = stored(&connection).await;
        assert_eq!(sha256.as_ref(), Some(&pair.digests[next]));
    }
}

/// A running service on a test's database, and its URL.
async fn serve(database: &TestDatabase) -> (Child, String) {
    let mut command = portolan(database, &["serve", "--listen", "127.0.0.1:0"]);
    command.env("PORTOLAN__JOBS__LEASE_SECONDS", "1");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    (
        child,
        line.strip_prefix("listening on ").unwrap().to_owned(),
    )
}

both_engines! {
    async fn a_job_whose_node_is_killed_is_done_once_by_the_next(database: TestDatabase) {
        database.store.create_owner(&"acme".parse().unwrap(), "ACME", &crate::support::by()).await.unwrap();
        let folder = database.folder.path();
        std::fs::create_dir(folder.join("upstream-cas")).unwrap();
        std::fs::write(folder.join("upstream-cas/test.crt"), CA.certificate_pem().unwrap()).unwrap();
        let secret = portolan::auth::Secret::generate().unwrap();
        let key = portolan_storage::NewCredential {
            name: "ops",
            role: portolan_storage::Role::Admin,
            owners: &[],
            identity: portolan_storage::Identity::ApiKey { sha256: secret.sha256() },
            expires_at: None,
        };
        database.store.create_credential(&key, &crate::support::by()).await.unwrap();
        let client = reqwest::Client::new();
        let pair = pair(&database);
        // Killed as soon as the job is acknowledged, and again a little later each time.
        for (step, file) in [0, 1, 0, 1].into_iter().enumerate() {
            let (mut node, url) = serve(&database).await;
            let taken = client
                .post(format!("{url}/owners/acme/imports/async?force=MANIFEST_SAME"))
                .bearer_auth(secret.expose())
                .header("content-type", "application/zip")
                .body(std::fs::read(&pair.files[file]).unwrap())
                .send().await.unwrap();
            assert_eq!(taken.status(), 202);
            let job: serde_json::Value = taken.json().await.unwrap();
            let moment = Duration::from_millis(150 * step as u64);
            let early = tokio::time::timeout(moment, node.wait()).await;
            assert!(early.is_err(), "the service ended by itself");
            node.kill().await.unwrap();
            let (mut next, url) = serve(&database).await;
            let path = job["statusPath"].as_str().unwrap();
            let done = client
                .get(format!("{url}{path}?wait=60s"))
                .bearer_auth(secret.expose())
                .send().await.unwrap();
            let done: serde_json::Value = done.json().await.unwrap();
            assert_eq!(done["state"], "FINISHED", "{done}");
            assert_eq!(done["resultData"]["sha256"], pair.digests[file], "{done}");
            let records = database.store.imports(&"acme".parse().unwrap(), None, 100).await.unwrap();
            assert_eq!(records.items.len(), step + 1, "a job was done twice, or never");
            next.kill().await.unwrap();
        }
    }
}

/// The state once the killed process's last statement, which the database may still carry out, has
/// had its time: the same in two looks.
async fn settled(connection: &DatabaseConnection) -> (i64, i64, i64, Option<String>) {
    let mut before = stored(connection).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(30));
    loop {
        ticks.tick().await;
        ticks.tick().await;
        let now = stored(connection).await;
        if now == before {
            return now;
        }
        before = now;
    }
}
