//! Logins that a content system decides, and what goes on while it is away; and hosts that have a certificate.

use std::path::Path;

use portolan::config::{Config, GatewayAuthorityKind};
use portolan_domain::build::Authority;
use portolan_storage::{both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::json;

use super::{
    certificates::{ca, leaf},
    fake_registry::{Fake, content_system, registry},
    gateway::{ALICES, BOBS, HOST, OPEN, ask, assert_refused, feed_all, get},
    support::{Answer, TestApp},
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
