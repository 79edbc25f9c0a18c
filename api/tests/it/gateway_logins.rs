//! Logins that a content system decides, and what goes on while it is away; and hosts that have a certificate.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use futures_util::future::join_all;
use portolan::{
    clock::Clock,
    config::{Config, GatewayAuthorityKind},
};
use portolan_domain::build::Authority;
use portolan_storage::{both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::json;

use super::{
    certificates::{ca, leaf},
    fake_registry::{Fake, content_system, registry, saying},
    gateway::{ALICES, BOBS, HOST, OPEN, ask, assert_refused, feed_all, get},
    support::{Answer, TestApp, now},
};

async fn asking(database: TestDatabase, system: &Fake) -> TestApp {
    let (url, repositories) = (
        format!("{}/token", system.url()),
        format!("{}/_catalog", system.url()),
    );
    let app = TestApp::start_with(database, |config| {
        let authority = &mut config.gateway.authority;
        authority.kind = GatewayAuthorityKind::TokenEndpoint;
        authority.url = Some(url);
        authority.repositories_url = Some(repositories);
        authority.timeout_seconds = 1;
    })
    .await;
    feed_all(&app).await;
    app
}

async fn log_in(app: &TestApp, password: &str) -> Answer {
    app.send(ask(app, Method::GET, "/v2/token?scope=x").basic_auth("alice", Some(password)))
        .await
}

async fn names(app: &TestApp, token: &str) -> serde_json::Value {
    get(app, "/v2/_catalog", Some(token)).await.json()["repositories"].clone()
}

both_engines! {
    async fn the_content_system_says_who_and_what(database: TestDatabase) {
        let system = content_system(&[BOBS, OPEN, "nothing/known"]).await;
        let app = asking(database, &system).await;
        let answer = log_in(&app, "right").await;
        let json = answer.json();
        assert_eq!((&json["token"], &json["expires_in"]), (&json!("katellos-token"), &json!(300)), "{}", answer.text);
        assert_eq!(json.get("refresh_token"), None);
        // What it says at a login takes the place of what was fed.
        assert_eq!(names(&app, "katellos-token").await, json!([BOBS, OPEN]));
        let asked: Vec<String> = system.asked().into_iter().map(|one| one.1).collect();
        assert_eq!(asked, ["/token?account=alice", "/_catalog?account=alice"]);
        // It is asked once, for as long as it said.
        assert_eq!(log_in(&app, "right").await.json()["token"], "katellos-token");
        assert_eq!(system.asked().len(), 2);
        assert_refused(&log_in(&app, "wrong").await, 401, "UNAUTHORIZED");
        assert_refused(&log_in(&app, "broken").await, 503, "UNAVAILABLE");
        assert_eq!(app.get("/container_gateway/users").await.json(), json!({ "users": ["alice", "bob"] }));
    }

    async fn what_is_out_goes_on_while_it_is_away(database: TestDatabase) {
        let (system, registry) = (content_system(&[ALICES]).await, registry().await);
        let upstream = registry.url();
        let app = asking(database.clone(), &system).await;
        assert_eq!(log_in(&app, "right").await.status, 200);
        system.stop().await;
        assert_eq!(log_in(&app, "right").await.json()["token"], "katellos-token");
        assert_eq!(names(&app, "katellos-token").await, json!([ALICES, OPEN]));
        let refused = log_in(&app, "other").await;
        assert_refused(&refused, 503, "UNAVAILABLE");
        assert!(!refused.header("retry-after").is_empty());
        // A token counts on every node, and after a restart; what is open needs nobody.
        let (clock, store) = (portolan::clock::Clock::from_fn(crate::support::now), database.store.clone());
        let other = TestApp::start_named(store, database, |config: &mut Config| {
            config.gateway.upstream = Some(upstream);
            config.gateway.authority.kind = GatewayAuthorityKind::TokenEndpoint;
            config.gateway.authority.url = Some(format!("{}/token", system.url()));
        }, clock, "second")
        .await;
        for (name, token, status) in [
            (ALICES, Some("katellos-token"), 200),
            (BOBS, Some("katellos-token"), 404),
            (OPEN, None, 200),
        ] {
            let answer = get(&other, &format!("/v2/{name}/manifests/latest"), token).await;
            assert_eq!(answer.status, status, "{name}: {}", answer.text);
        }
    }
}

/// A clock that a test moves, in seconds.
#[derive(Clone, Default)]
struct Moved(Arc<AtomicI64>);

impl Moved {
    fn clock(&self) -> Clock {
        let moved = self.clone();
        Clock::from_fn(move || now() + time::Duration::seconds(moved.0.load(Ordering::SeqCst)))
    }

    fn to(&self, seconds: i64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

/// A service that asks this system for tokens alone, by this clock.
async fn by_clock(database: TestDatabase, system: &Fake, clock: Clock, name: &str) -> TestApp {
    let (url, store) = (format!("{}/token", system.url()), database.store.clone());
    let change = |config: &mut Config| {
        config.gateway.authority.kind = GatewayAuthorityKind::TokenEndpoint;
        config.gateway.authority.url = Some(url);
        config.gateway.authority.timeout_seconds = 1;
    };
    let app = TestApp::start_named(store, database, change, clock, name).await;
    feed_all(&app).await;
    app
}

async fn log_in_as(app: &TestApp, user: &str) -> Answer {
    app.send(ask(app, Method::GET, "/v2/token").basic_auth(user, Some("x")))
        .await
}

both_engines! {
    async fn a_token_that_is_given_again_counts_on_every_node(database: TestDatabase) {
        let system = saying(|_| (200, json!({ "token": "the-same", "expires_in": 65 }))).await;
        let moved = Moved::default();
        let first = by_clock(database.clone(), &system, moved.clock(), "first").await;
        let second = by_clock(database, &system, moved.clock(), "second").await;
        let knows = async |app: &TestApp| get(app, "/v2/", Some("the-same")).await.status.as_u16();
        assert_eq!(log_in_as(&first, "alice").await.status, 200);
        assert_eq!((knows(&first).await, knows(&second).await), (200, 200));
        moved.to(64);
        assert_eq!(log_in_as(&first, "alice").await.json()["expires_in"], 65);
        // Its first end has come, and not its second.
        moved.to(70);
        assert_eq!((knows(&first).await, knows(&second).await), (200, 200));
        moved.to(130);
        assert_eq!((knows(&first).await, knows(&second).await), (401, 401));
    }

    async fn one_token_is_not_two_users(database: TestDatabase) {
        let system = saying(|_| (200, json!({ "token": "the-same", "expires_in": 300 }))).await;
        let app = by_clock(database, &system, Clock::from_fn(now), "admin").await;
        assert_eq!(log_in_as(&app, "alice").await.status, 200);
        assert_refused(&log_in_as(&app, "bob").await, 503, "UNAVAILABLE");
        assert_eq!(names(&app, "the-same").await, json!([ALICES, OPEN]));
    }

    async fn what_is_wrong_with_one_login_stops_no_other(database: TestDatabase) {
        let system = saying(|user| match user {
            "alice" => (200, json!({ "token": "hers", "expires_in": "300" })),
            "bob" => (422, json!({})),
            "carol" => (200, json!("no token")),
            _ => (500, json!({})),
        })
        .await;
        let app = by_clock(database, &system, Clock::from_fn(now), "admin").await;
        for user in ["bob", "carol", "dave"] {
            assert_refused(&log_in_as(&app, user).await, 503, "UNAVAILABLE");
        }
        let alice = log_in_as(&app, "alice").await;
        assert_eq!((alice.status.as_u16(), &alice.json()["expires_in"]), (200, &json!(300)));
    }

    async fn short_answers_are_kept_too(database: TestDatabase) {
        let system = saying(|user| match user {
            "alice" => (200, json!({ "token": "alices", "expires_in": 30 })),
            "bob" => (200, json!({ "token": "bobs" })),
            _ => (200, json!({ "token": "carols", "expires_in": 300.0 })),
        })
        .await;
        let moved = Moved::default();
        let app = by_clock(database, &system, moved.clock(), "admin").await;
        for (user, kept, asked_again) in [("alice", 26, 28), ("bob", 53, 55), ("carol", 239, 241)] {
            moved.to(0);
            let before = system.asked().len();
            for (seconds, asked) in [(0, 1), (kept, 1), (asked_again, 2)] {
                moved.to(seconds);
                assert_eq!(log_in_as(&app, user).await.status, 200);
                assert_eq!(system.asked().len() - before, asked, "{user} after {seconds} s");
            }
        }
    }

    async fn many_who_come_back_while_it_is_away_all_go_on(database: TestDatabase) {
        let system = saying(|_| (200, json!({ "token": "hers", "expires_in": 90 }))).await;
        let moved = Moved::default();
        let app = by_clock(database, &system, moved.clock(), "admin").await;
        assert_eq!(log_in_as(&app, "alice").await.status, 200);
        system.stop().await;
        // No longer fresh, and it still counts.
        moved.to(85);
        for _ in 0..3 {
            let logins = (0..20).map(|_| log_in_as(&app, "alice"));
            let statuses: Vec<u16> =
                join_all(logins).await.iter().map(|answer| answer.status.as_u16()).collect();
            assert_eq!(statuses, [200; 20]);
        }
        moved.to(91);
        assert_refused(&log_in_as(&app, "alice").await, 503, "UNAVAILABLE");
    }
}

fn pem(authority: &Authority) -> String {
    authority.certificate_pem().unwrap()
}

/// A service that trusts this CA's hosts, and the proxy in front of it.
async fn with_hosts(
    database: TestDatabase,
    host_ca: &Authority,
    file: &Path,
    upstream: String,
) -> TestApp {
    std::fs::write(file, pem(host_ca)).unwrap();
    let app = TestApp::start_with(database, |config| {
        config.gateway.host_ca_file = Some(file.to_owned());
        config.gateway.upstream = Some(upstream);
        config.http.trusted_proxies = vec!["127.0.0.1".to_owned()].try_into().unwrap();
    })
    .await;
    feed_all(&app).await;
    app
}

both_engines! {
    async fn a_host_has_what_its_certificate_says(database: TestDatabase) {
        let (host_ca, registry) = (ca("Hosts' CA"), registry().await);
        let file = database.folder.path().join("hosts.pem");
        let app = with_hosts(database, &host_ca, &file, registry.url()).await;
        let certificate = pem(&leaf(&host_ca, HOST));
        let lines = certificate.trim().replace('\n', " ");
        let encoded = percent_encoding::utf8_percent_encode(&certificate, percent_encoding::NON_ALPHANUMERIC).to_string();
        let bare: String = certificate.lines().filter(|line| !line.starts_with('-')).collect();
        let asked = async |header: &str, value: &str, name: &str| {
            let request = ask(&app, Method::GET, &format!("/v2/{name}/manifests/latest"));
            app.send(request.header(header.to_owned(), value)).await
        };
        for header in ["X-RHSM-SSL-Client-Cert", "SSL-Client-Cert"] {
            for value in [&lines, &encoded, &bare] {
                assert_eq!(asked(header, value, ALICES).await.status, 200, "{header}: {value}");
                assert_refused(&asked(header, value, BOBS).await, 401, "UNAUTHORIZED");
            }
        }
        let other = pem(&leaf(&host_ca, "another-host")).trim().replace('\n', " ");
        let forged = pem(&leaf(&ca("Hosts' CA"), HOST)).trim().replace('\n', " ");
        for value in [&other, &forged] {
            assert_refused(&asked("SSL-Client-Cert", value, ALICES).await, 401, "UNAUTHORIZED");
            assert_eq!(asked("SSL-Client-Cert", value, OPEN).await.status, 200);
        }
        for value in ["(null)", ""] {
            assert_refused(&asked("SSL-Client-Cert", value, ALICES).await, 401, "UNAUTHORIZED");
        }
        assert_refused(&asked("SSL-Client-Cert", "nonsense", ALICES).await, 400, "UNKNOWN");
        let two = ask(&app, Method::GET, "/v2/").header("SSL-Client-Cert", &lines);
        assert_refused(&app.send(two.header("X-RHSM-SSL-Client-Cert", &other)).await, 400, "UNKNOWN");
        let known = async |value: &str| {
            app.send(ask(&app, Method::GET, "/v2/").header("SSL-Client-Cert", value)).await.status.as_u16()
        };
        assert_eq!((known(&lines).await, known(&forged).await), (200, 401));
        // Its token stands for it, and for no user of that name.
        let token = ask(&app, Method::GET, "/v2/token").header("SSL-Client-Cert", &lines);
        let token = app.send(token).await.json()["token"].as_str().unwrap().to_owned();
        assert_eq!(names(&app, &token).await, json!([ALICES, OPEN]));
        let index = ask(&app, Method::GET, "/v2/_catalog").header("SSL-Client-Cert", &lines);
        assert_eq!(app.send(index).await.json()["repositories"], json!([ALICES, OPEN]));
    }

    async fn only_a_trusted_proxy_speaks_for_hosts(database: TestDatabase) {
        let (host_ca, registry) = (ca("Hosts' CA"), registry().await);
        let file = database.folder.path().join("hosts.pem");
        std::fs::write(&file, pem(&host_ca)).unwrap();
        let app = TestApp::start_with(database, |config| {
            config.gateway.host_ca_file = Some(file);
            config.gateway.upstream = Some(registry.url());
        })
        .await;
        feed_all(&app).await;
        let lines = pem(&leaf(&host_ca, HOST)).trim().replace('\n', " ");
        let request = ask(&app, Method::GET, &format!("/v2/{ALICES}/manifests/latest"));
        assert_refused(&app.send(request.header("SSL-Client-Cert", lines)).await, 401, "UNAUTHORIZED");
    }
}
