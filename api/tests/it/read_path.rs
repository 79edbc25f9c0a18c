//! What memory answers, and what it must not: never older than what this node acknowledged, elsewhere at most a
//! second.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use portolan::clock::Clock;
use portolan_storage::{Engine, MasterKey, Store, both_engines, testing::TestDatabase};
use reqwest::Method;
use sea_orm::{ConnectionTrait, Database};
use serde_json::json;

use super::{
    manifests::{self, CA},
    outage::linked,
    support::{TestApp, eventually, now},
};

const SECOND: Duration = Duration::from_secs(1);

async fn with_acme(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    app.owner("acme").await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    let imported = app.import("acme", manifests::manifest("acme", 3), "").await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    heard(&app).await;
    app
}

/// Waits for the feed: before its first beat, every answer comes from the database.
async fn heard(app: &TestApp) {
    eventually("the feed is heard", async || app.state.pulse.is_heard()).await;
}

/// A further node on the database of another.
async fn another(app: &TestApp, name: &str) -> TestApp {
    let database = app.database().clone();
    let master = MasterKey::read(&database.folder.path().join("master.key")).unwrap();
    let store = Store::connect(&database.settings, master).await.unwrap();
    let node = TestApp::start_named(store, database, |_| {}, Clock::from_fn(now), name).await;
    heard(&node).await;
    node
}

async fn point(app: &TestApp, owner: &str, number: u64) {
    let body = json!({ "cdnUrl": format!("https://v{number}.example.com") });
    let path = format!("/owners/{owner}/cdn");
    let pointed = app.json(Method::PUT, &path, body).await;
    assert_eq!(pointed.status, 200, "{}", pointed.text);
}

/// Which number an answer has, and whether it is marked.
async fn number(app: &TestApp, path: &str) -> Option<(u64, bool)> {
    let answer = app.get(path).await;
    if answer.status != 200 {
        return None;
    }
    let url = answer.json()["cdnUrl"].as_str().unwrap().to_owned();
    let digits = url.strip_prefix("https://v")?.split('.').next()?;
    let marked = answer.headers.contains_key("warning");
    Some((digits.parse().unwrap(), marked))
}

both_engines! {
    async fn what_memory_has_costs_no_query(database: TestDatabase) {
        let app = with_acme(database).await;
        for path in ["/entitlements/acme-0/cdn_info", "/entitlements/acme-0/upstream_cert"] {
            assert_eq!(app.get(path).await.status, 200);
        }
        let before = app.state.cache.figures();
        assert_eq!(before.queries, 1, "both routes have one answer");
        let first = app.get("/entitlements/acme-0/cdn_info").await;
        for path in ["/entitlements/acme-0/cdn_info", "/candlepin/entitlements/acme-0/cdn_info"] {
            let again = app.get(path).await;
            assert_eq!((again.status, &again.text), (first.status, &first.text));
            for name in ["etag", "content-type", "cache-control", "vary"] {
                assert_eq!(again.headers.get(name), first.headers.get(name), "{name} of {path}");
            }
        }
        let after = app.state.cache.figures();
        assert_eq!((after.queries, after.hits), (1, before.hits + 3));
        assert!(after.bytes == 0 || after.bytes > first.text.len() as u64);
    }

    async fn who_asks_at_once_asks_once(database: TestDatabase) {
        let app = with_acme(database).await;
        let before = app.state.cache.figures().queries;
        let asks = (0..100).map(|_| app.get("/entitlements/acme-1/cdn_info"));
        for answer in futures_util::future::join_all(asks).await {
            assert_eq!(answer.status, 200);
        }
        assert_eq!(app.state.cache.figures().queries, before + 1);
    }

    async fn what_is_unknown_is_remembered_until_anything_changes(database: TestDatabase) {
        let app = with_acme(database).await;
        let path = "/entitlements/later/cdn_info";
        let begun = Instant::now();
        let before = app.state.cache.figures().queries;
        for _ in 0..10 {
            app.get(path).await.assert_problem(404, "entitlement-not-found");
        }
        let asked = app.state.cache.figures().queries - before;
        assert!(asked <= 1 + begun.elapsed().as_secs(), "{asked} questions");
        let registered = app.json(Method::PUT, "/owners/acme/entitlements/later", json!({})).await;
        assert_eq!(registered.status, 200, "{}", registered.text);
        assert_eq!(app.get(path).await.status, 200, "what this node acknowledged, it knows");
        assert_eq!(app.delete("/entitlements/later").await.status, 204);
        app.get(path).await.assert_problem(404, "entitlement-not-found");
    }

    async fn another_nodes_change_counts_within_a_second(database: TestDatabase) {
        let first = with_acme(database).await;
        let second = another(&first, "second").await;
        let path = "/entitlements/acme-0/cdn_info";
        assert_eq!(second.get(path).await.status, 200);
        for round in 0..5 {
            point(&first, "acme", round).await;
            assert_eq!(number(&first, path).await, Some((round, false)), "at once, where it was changed");
            let changed = Instant::now();
            eventually("the other node knows", async || {
                // Before the question: what is asked after a second must be new.
                let late = changed.elapsed() > SECOND;
                let known = number(&second, path).await == Some((round, false));
                assert!(known || !late, "older than a second");
                known
            })
            .await;
        }
        let queries = second.state.cache.figures().queries;
        for _ in 0..20 {
            assert_eq!(number(&second, path).await, Some((4, false)));
        }
        assert!(second.state.cache.figures().queries <= queries + 1, "memory answers again");
        // An owner that is gone is gone everywhere.
        let gone = first.delete("/owners/acme").await;
        assert_eq!(gone.status, 204, "{}", gone.text);
        eventually("it is gone there, too", async || second.get(path).await.status == 404).await;
    }

    async fn a_change_of_the_operators_cdns_is_everybodys(database: TestDatabase) {
        let first = with_acme(database).await;
        let second = another(&first, "second").await;
        let path = "/entitlements/acme-0/cdn_info";
        let labelled = json!({ "label": "mirror", "url": "https://v1.example.com" });
        assert_eq!(first.json(Method::POST, "/cdn", labelled).await.status, 200);
        let follow = json!({ "cdnLabel": "mirror" });
        assert_eq!(first.json(Method::PUT, "/owners/acme/cdn", follow).await.status, 200);
        eventually("both follow it", async || {
            number(&first, path).await == Some((1, false)) && number(&second, path).await == Some((1, false))
        })
        .await;
        let moved = json!({ "url": "https://v2.example.com" });
        assert_eq!(first.json(Method::PUT, "/cdn/mirror", moved).await.status, 200);
        assert_eq!(number(&first, path).await, Some((2, false)));
        eventually("the other node follows", async || number(&second, path).await == Some((2, false))).await;
    }

    async fn nothing_is_older_than_is_promised_whatever_becomes_of_the_feed(database: TestDatabase) {
        promise(with_acme(database).await).await;
    }
}

/// What was changed: the owner's number, on which node it was acknowledged, and when.
#[derive(Clone, Copy)]
struct Change {
    number: u64,
    node: usize,
    at: Instant,
}

/// Two nodes are changed and read at once while their feeds are cut again and again. Each answer must have at
/// least what its node had acknowledged before it was asked, and what any had a second before.
async fn promise(first: TestApp) {
    let second = another(&first, "second").await;
    let nodes = [&first, &second];
    let changes = Mutex::new(Vec::<Change>::new());
    point(&first, "acme", 0).await;
    let (done, path) = (AtomicBool::new(false), "/entitlements/acme-0/cdn_info");
    let read = async |node: usize| {
        let mut reads = 0;
        while !done.load(Ordering::Relaxed) {
            let asked = Instant::now();
            let before = changes.lock().unwrap().clone();
            let Some((number, marked)) = number(nodes[node], path).await else {
                continue;
            };
            let own = before.iter().rev().find(|change| change.node == node);
            let anybodys = before
                .iter()
                .rev()
                .find(|c| asked.duration_since(c.at) > SECOND);
            for least in [own, anybodys].into_iter().flatten() {
                // The database was there all the time.
                assert!(
                    number >= least.number,
                    "node {node} said {number}{}, {:?} after {} on node {}",
                    if marked { " (marked)" } else { "" },
                    asked.duration_since(least.at),
                    least.number,
                    least.node
                );
            }
            reads += 1;
        }
        reads
    };
    let write = async {
        // Marsaglia's xorshift: the same course at every run, as far as this goes.
        let mut state = 0x2026_1127_u64;
        let mut one_in = |number: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.is_multiple_of(number)
        };
        let begun = Instant::now();
        let mut number = 1;
        while begun.elapsed() < 5 * SECOND {
            let node = usize::from(one_in(2));
            point(nodes[node], "acme", number).await;
            let at = Instant::now();
            changes.lock().unwrap().push(Change { number, node, at });
            number += 1;
            if one_in(5) {
                cut_feeds(&first).await;
            }
            if one_in(10) {
                let before = first.state.cache.figures().hits;
                eventually("memory is believed again", async || {
                    first.state.cache.figures().hits > before
                })
                .await;
            }
        }
        done.store(true, Ordering::Relaxed);
        number
    };
    let (written, reads, others) = tokio::join!(write, read(0), read(1));
    assert!(
        written > 10 && reads > 100 && others > 100,
        "{written} {reads} {others}"
    );
    for node in nodes {
        assert!(node.state.cache.figures().hits > 0, "memory never answered");
    }
}

/// Ends the connections that listen: nodes must find out, and believe nothing that they have.
async fn cut_feeds(app: &TestApp) {
    if app.state.store.engine() == Engine::Sqlite {
        return;
    }
    let database = Database::connect(&app.database().settings.url)
        .await
        .unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = 'portolan feed' AND datname = current_database()";
    database.execute_unprepared(end).await.unwrap();
    database.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_half_open_counts_as_down() {
    let (app, link) = linked().await;
    heard(&app).await;
    let known = "/entitlements/acme-0/cdn_info";
    assert_eq!(app.get(known).await.status, 200);
    // Nothing is closed, and nothing comes any more.
    link.frozen.send_replace(true);
    let longest = Arc::new(Mutex::new(Duration::ZERO));
    eventually("the answer is marked", async || {
        let asked = Instant::now();
        let answer = app.get(known).await;
        let mut longest = longest.lock().unwrap();
        *longest = (*longest).max(asked.elapsed());
        assert_eq!(answer.status, 200);
        answer.headers.contains_key("warning")
    })
    .await;
    // 200 ms are promised; the machine may be busy.
    let longest = *longest.lock().unwrap();
    assert!(longest < SECOND, "a request waited {longest:?}");
    link.frozen.send_replace(false);
    eventually("the mark is gone", async || {
        !app.get(known).await.headers.contains_key("warning")
    })
    .await;
}
