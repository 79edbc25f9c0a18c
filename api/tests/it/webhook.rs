//! The webhook against a receiver on loopback: what is told, how it is signed, and that nothing is lost.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use portolan::{clock::Clock, config::Config, server, state::AppState};
use portolan_storage::{MasterKey, Role, Store, both_engines, testing::TestDatabase};
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::json;
use time::Duration;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::{
    desk::Desk,
    expirations::ending,
    manifests::{self, CA, signed_by},
    receiver::{Receiver, SECRET},
    support::{TestApp, add_key, by, eventually, now},
};

/// A clock that a test moves.
#[derive(Clone, Default)]
struct Moved(Arc<AtomicI64>);

impl Moved {
    fn clock(&self) -> Clock {
        let moved = self.0.clone();
        Clock::from_fn(move || now() + Duration::seconds(moved.load(Ordering::Relaxed)))
    }

    fn hours(&self, hours: i64) {
        self.0.fetch_add(hours * 3600, Ordering::Relaxed);
    }
}

fn told_to(address: SocketAddr) -> impl FnOnce(&mut Config) {
    move |config| {
        config.webhook.url = Some(format!("http://{address}/hook"));
        config.webhook.secret = Some(SECRET.to_owned().into());
    }
}

async fn app_for(database: TestDatabase, address: SocketAddr, moved: &Moved) -> TestApp {
    let store = database.store.clone();
    let app = TestApp::start_at(store, database, told_to(address), moved.clock()).await;
    app.owner("acme").await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    app
}

async fn import(app: &TestApp) {
    let imported = app.import("acme", manifests::manifest("acme", 2), "").await;
    assert_eq!(imported.status, 200, "{}", imported.text);
}

/// A number that the database answers.
async fn number(settings: &portolan_storage::DatabaseSettings, sql: &str) -> i64 {
    let connection = Database::connect(&settings.url).await.unwrap();
    let query = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(query).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

async fn waiting(settings: &portolan_storage::DatabaseSettings) -> i64 {
    number(settings, "SELECT count(*) FROM webhook_outbox").await
}

/// Another node on the same database.
struct Node {
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Node {
    async fn start(database: &TestDatabase, config: Config, clock: Clock) -> Self {
        let master = MasterKey::read(&database.folder.path().join("master.key")).unwrap();
        let store = Store::connect(&database.settings, master)
            .await
            .unwrap()
            .as_node("other");
        let state = AppState::new(store, config, clock).unwrap();
        let listener = server::listen("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { drop(stopped.await) };
        let serving = tokio::spawn(server::serve(state, listener, stopped));
        Self { stop, serving }
    }

    async fn stop(self) {
        drop(self.stop);
        self.serving.await.unwrap().unwrap();
    }
}

both_engines! {
    async fn imports_and_revocations_are_told_signed(database: TestDatabase) {
        let (receiver, address) = Receiver::start(&[]).await;
        let settings = database.settings.clone();
        let app = app_for(database, address, &Moved::default()).await;
        import(&app).await;
        let refused = app.import("acme", manifests::manifest("acme", 2), "").await;
        assert_eq!(refused.status, 409);
        app.owner("other").await;
        app.key(Role::Proxy, &["acme", "other"]).await;
        app.state.store.revoke_credential("proxy-acme-other", &by()).await.unwrap();
        let mut messages = receiver.messages(3).await;
        messages.sort_by_key(|message| message["type"].to_string());
        let records = app.records("acme").await;
        assert_eq!(messages[0], json!({
            "type": "credential.revoked", "timestamp": "2026-11-22T12:00:00.000Z",
            "data": { "name": "proxy-acme-other" },
        }));
        assert_eq!(messages[1], json!({
            "type": "import.finished", "timestamp": "2026-11-22T12:00:00.000Z",
            "data": {
                "ownerKey": "acme", "importId": records[1]["id"], "status": "SUCCESS",
                "statusMessage": records[1]["statusMessage"], "counts": records[1]["counts"],
            },
        }));
        assert_eq!(messages[2]["type"], "import.refused");
        assert_eq!(messages[2]["data"]["status"], "FAILURE");
        assert_eq!(messages[2]["data"]["importId"], records[0]["id"]);
        let ids: BTreeSet<_> = receiver.got().iter().map(|got| got.header("webhook-id").to_owned()).collect();
        assert_eq!(ids.len(), 3);
        eventually("what was taken is forgotten", || async { waiting(&settings).await == 0 }).await;
    }

    async fn only_what_is_wanted_is_kept(database: TestDatabase) {
        let settings = database.settings.clone();
        let app = TestApp::start(database).await;
        app.owner("acme").await;
        app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
        import(&app).await;
        assert_eq!(waiting(&settings).await, 0, "nobody is told");
    }

    async fn a_refusal_and_a_redirect_are_tried_again(database: TestDatabase) {
        let (receiver, address) = Receiver::start(&[500, 307, 200]).await;
        let (settings, moved) = (database.settings.clone(), Moved::default());
        let app = app_for(database, address, &moved).await;
        import(&app).await;
        receiver.messages(1).await;
        for count in [2, 3] {
            moved.hours(1);
            receiver.messages(count).await;
        }
        let got = receiver.got();
        assert!(got.iter().all(|one| one.header("webhook-id") == got[0].header("webhook-id")));
        assert!(got.iter().all(|one| one.body == got[0].body));
        assert_ne!(got[0].header("webhook-timestamp"), got[1].header("webhook-timestamp"));
        eventually("it is done", || async { waiting(&settings).await == 0 }).await;
        assert_eq!(*receiver.strays.lock().unwrap(), 0, "a redirect was followed");
        assert_eq!(receiver.got().len(), 3);
    }

    async fn a_message_that_nobody_takes_is_given_up(database: TestDatabase) {
        let (receiver, address) = Receiver::start(&[500; 20]).await;
        let (settings, moved) = (database.settings.clone(), Moved::default());
        let app = app_for(database, address, &moved).await;
        import(&app).await;
        receiver.messages(1).await;
        moved.hours(23);
        receiver.messages(2).await;
        assert_eq!(waiting(&settings).await, 1);
        moved.hours(2);
        eventually("it is given up", || async { waiting(&settings).await == 0 }).await;
        receiver.messages(3).await;
    }

    async fn a_receiver_that_comes_back_gets_what_was_left(database: TestDatabase) {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = closed.local_addr().unwrap();
        drop(closed);
        let (other, moved) = (database.clone(), Moved::default());
        let app = app_for(database, address, &moved).await;
        import(&app).await;
        let tried = "SELECT count(*) FROM webhook_outbox WHERE attempts > 0";
        eventually("it was tried", || async { number(&other.settings, tried).await == 1 }).await;
        let config = (*app.state.config).clone();
        app.stop().await;
        // Somebody takes the message and is killed.
        let master = MasterKey::read(&other.folder.path().join("master.key")).unwrap();
        let killed = Store::connect(&other.settings, master).await.unwrap();
        moved.hours(1);
        let at = moved.clock().now();
        let claimed = killed.claim_messages(at, Duration::MINUTE, 8).await.unwrap();
        assert_eq!(claimed.len(), 1);
        assert_eq!(killed.claim_messages(at, Duration::MINUTE, 8).await.unwrap(), []);

        let receiver = Receiver::default();
        receiver.clone().listen(TcpListener::bind(address).await.unwrap());
        let node = Node::start(&other, config, moved.clock()).await;
        moved.hours(1);
        let messages = receiver.messages(1).await;
        assert_eq!(messages[0]["type"], "import.finished");
        assert_eq!(receiver.got()[0].header("webhook-id"), claimed[0].id.to_string());
        eventually("it is done", || async { waiting(&other.settings).await == 0 }).await;
        node.stop().await;
    }

    async fn two_nodes_send_each_message_once(database: TestDatabase) {
        let (receiver, address) = Receiver::start(&[]).await;
        let (other, moved) = (database.clone(), Moved::default());
        let app = app_for(database, address, &moved).await;
        let node = Node::start(&other, (*app.state.config).clone(), moved.clock()).await;
        for number in 0..30 {
            let name = format!("k{number}");
            add_key(&app.state, &name, Role::Proxy, &[]).await;
            app.state.store.revoke_credential(&name, &by()).await.unwrap();
        }
        eventually("all are sent", || async { waiting(&other.settings).await == 0 }).await;
        let messages = receiver.messages(30).await;
        let names: BTreeSet<_> = messages.iter().map(|m| m["data"]["name"].to_string()).collect();
        assert_eq!(names.len(), 30);
        node.stop().await;
    }

    async fn what_ends_soon_is_told_once_at_each_threshold(database: TestDatabase) {
        let (receiver, address) = Receiver::start(&[]).await;
        let moved = Moved::default();
        let app = app_for(database, address, &moved).await;
        let days = [("a", 10), ("b", 20), ("gone", -1), ("late", 100)];
        let manifest = signed_by(&CA, &ending("acme", &days));
        assert_eq!(app.import("acme", manifest, "").await.status, 200);
        assert_eq!(receiver.messages(1).await[0]["type"], "import.finished");
        let tell = async || app.state.expirations.tell(moved.clock().now()).await.unwrap();
        assert_eq!((tell().await, tell().await), (1, 0));
        let messages = receiver.messages(2).await;
        assert_eq!(messages[1], json!({
            "type": "certificate.expiring", "timestamp": "2026-11-22T12:00:00.000Z",
            "data": {
                "ownerKey": "acme", "kind": "ENTITLEMENT", "thresholdDays": 30, "count": 2,
                "firstNotAfter": "2026-12-02T12:00:00.000Z",
            },
        }));
        moved.hours(5 * 24);
        assert_eq!((tell().await, tell().await), (1, 0));
        let told = &receiver.messages(3).await[2]["data"];
        assert_eq!((&told["thresholdDays"], &told["count"]), (&json!(7), &json!(1)));
        // A renewal is no news; another one that ends soon is.
        let mut renewed = ending("acme", &[("a2", 300), ("b", 20), ("late", 100)]);
        renewed.created = Some(now());
        assert_eq!(app.import("acme", signed_by(&CA, &renewed), "").await.status, 200);
        assert_eq!(tell().await, 0);
        let mut more = ending("acme", &[("a2", 300), ("b", 20), ("c", 25)]);
        more.created = Some(now() + Duration::SECOND);
        assert_eq!(app.import("acme", signed_by(&CA, &more), "").await.status, 200);
        assert_eq!((tell().await, tell().await), (1, 0));
    }
}

#[tokio::test]
async fn a_ping_tells_whether_the_receiver_takes_it() {
    let desk = Desk::new();
    let said = desk.refused(1, &["webhook", "test"]).await;
    assert!(said.contains("webhook.url"), "{said}");
    let (receiver, address) = Receiver::start(&[200, 401]).await;
    let ping = async || {
        let mut command = desk.command(&["webhook", "test"]);
        command.env("PORTOLAN__WEBHOOK__URL", format!("http://{address}/hook"));
        command.env("PORTOLAN__WEBHOOK__SECRET", SECRET);
        let output = command.output().await.unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, said, _) = ping().await;
    assert_eq!(code, Some(0));
    assert!(said.contains("answered 200"), "{said}");
    assert_eq!(receiver.messages(1).await[0]["type"], "ping");
    let (code, _, said) = ping().await;
    assert_eq!(code, Some(1));
    assert!(said.contains("401") && !said.contains(SECRET), "{said}");
    // What counts is shown without the secret.
    let mut check = desk.command(&["config", "check"]);
    check.env("PORTOLAN__WEBHOOK__URL", format!("http://{address}/hook"));
    let shown = check
        .env("PORTOLAN__WEBHOOK__SECRET", SECRET)
        .output()
        .await
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("[webhook]") && !shown.contains("whsec_") && !shown.contains("/hook"),
        "{shown}"
    );
}
