//! The database goes away and comes back: answers go on from memory, marked, and nothing ever looks
//! like "not found".

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use portolan_storage::{DatabaseSettings, Engine, MasterKey, Store, testing::TestDatabase};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{
    manifests::{self, CA},
    support::{TestApp, eventually},
};

/// A way to the database that can be cut.
pub struct Link {
    address: String,
    pub open: watch::Sender<bool>,
    /// Nothing goes through, and nothing is closed.
    pub frozen: watch::Sender<bool>,
    tried: Arc<AtomicBool>,
}

impl Link {
    async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (open, is_open) = watch::channel(true);
        let (frozen, is_frozen) = watch::channel(false);
        let tried = Arc::new(AtomicBool::new(false));
        let seen = tried.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (target, mut is_open) = (target.clone(), is_open.clone());
                let is_frozen = is_frozen.clone();
                if !*is_open.borrow() {
                    // Accepted and closed at once: the database is not there.
                    seen.store(true, Ordering::SeqCst);
                    continue;
                }
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        () = while_thawed(copy_bidirectional(&mut near, &mut far), is_frozen) => {}
                        _ = is_open.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self {
            address,
            open,
            frozen,
            tried,
        }
    }
}

/// Goes on with something but for the time that it is frozen.
async fn while_thawed<T>(what: impl Future<Output = T>, mut frozen: watch::Receiver<bool>) {
    let mut what = std::pin::pin!(what);
    loop {
        if frozen.wait_for(|frozen| !frozen).await.is_err() {
            return;
        }
        tokio::select! {
            _ = &mut what => return,
            _ = frozen.wait_for(|frozen| *frozen) => {}
        }
    }
}

/// A service whose way to its PostgreSQL can be cut.
pub async fn linked() -> (TestApp, Link) {
    let database = TestDatabase::new(Engine::Postgres).await;
    let url = &database.settings.url;
    let (before, rest) = url.split_once('@').unwrap();
    let (target, name) = rest.split_once('/').unwrap();
    let link = Link::to(target.to_owned()).await;
    let settings = DatabaseSettings::of_url(format!("{before}@{}/{name}", link.address), 5);
    let master = MasterKey::read(&database.folder.path().join("master.key")).unwrap();
    let store = Store::connect(&settings, master).await.unwrap();
    let app = TestApp::start_on(store, database, |_| {}).await;
    app.owner("acme").await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    let imported = app.import("acme", manifests::manifest("acme", 2), "").await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    (app, link)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_memory_answers_and_says_so() {
    let (app, link) = linked().await;
    let known = "/entitlements/acme-0/cdn_info";
    let before = app.get(known).await;
    assert!(before.headers.get("warning").is_none());
    link.open.send_replace(false);
    eventually("the answer is marked", || async {
        let answer = app.get(known).await;
        assert_eq!((answer.status.as_u16(), &answer.text), (200, &before.text));
        answer
            .headers
            .get("warning")
            .is_some_and(|w| w.to_str().unwrap().starts_with("110 "))
    })
    .await;
    // What memory does not have cannot be known now: that is no 404.
    let unknown = app.get("/entitlements/acme-1/cdn_info").await;
    unknown.assert_problem(503, "unavailable");
    assert!(unknown.headers.contains_key("retry-after"));
    eventually("it is not ready", || async {
        app.get("/health/ready").await.status == 503
    })
    .await;
    let ready = app.get("/health/ready").await;
    ready.assert_problem(503, "unavailable");
    assert_eq!(app.get("/health/live").await.status, 200);
    let import = app.import("acme", manifests::manifest("acme", 1), "").await;
    // Nor are keys made that nobody could keep.
    let cas = app.get("/signing_ca").await;
    cas.assert_problem(503, "unavailable");
    import.assert_problem(503, "unavailable");
    // What an operator takes away counts all the same.
    std::fs::remove_file(app.ca_dir.join("test.crt")).unwrap();
    eventually("the CA is missing", || async {
        let answer = app.get(known).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["caCertificate"]["status"] == "MISSING"
    })
    .await;
    assert!(
        link.tried.load(Ordering::SeqCst),
        "nobody tried to connect again"
    );
    link.open.send_replace(true);
    eventually("the database is back", || async {
        app.get("/health/ready").await.status == 200
    })
    .await;
    eventually("the mark is gone", || async {
        app.get(known).await.headers.get("warning").is_none()
    })
    .await;
    assert_eq!(app.get("/entitlements/acme-1/cdn_info").await.status, 200);
    assert_eq!(app.get("/signing_ca").await.status, 200);
}
