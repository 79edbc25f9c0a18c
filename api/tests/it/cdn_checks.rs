//! The check of a CDN against real TLS servers on loopback, which the setting names: well ones, ill
//! ones, and those that it must not even look at.

use std::{net::Ipv4Addr, sync::Arc};

use portolan::config::Config;
use portolan_domain::build::Authority;
use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    certificates::{ca, ended, fingerprint, leaf, leaf_valid},
    fake_cdn::{ECHO, ENDLESS, FakeCdn, OK},
    support::{Answer, TestApp, eventually},
};

fn allow(config: &mut Config, allowed: &[&str]) {
    let texts: Vec<String> = allowed.iter().map(|text| (*text).to_owned()).collect();
    config.cdn.check_allow = texts.try_into().unwrap();
    config.import.allow_http_cdn = true;
}

async fn app(database: TestDatabase) -> TestApp {
    TestApp::start_with(database, |config| {
        allow(config, &["localhost", "127.0.0.0/8"]);
    })
    .await
}

/// Points the CDN `mirror` there, and checks it.
async fn check(app: &TestApp, url: &str, certificate: Option<&Authority>) -> Answer {
    let certificate = certificate.map(|own| own.certificate_pem().unwrap());
    let cdn = json!({"label": "mirror", "url": url, "certificate": certificate});
    let created = app.json(Method::POST, "/cdn", cdn.clone()).await;
    if created.status == 409 {
        let changed = app.json(Method::PUT, "/cdn/mirror", cdn).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
    }
    let request = app
        .request(Method::POST, "/cdn/mirror/check")
        .bearer_auth(&app.admin);
    app.send(request).await
}

async fn report(app: &TestApp, url: &str, certificate: Option<&Authority>) -> Value {
    let answer = check(app, url, certificate).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

both_engines! {
    async fn a_cdn_that_is_well_is_told_whole(database: TestDatabase) {
        let app = app(database).await;
        let authority = ca("CDN CA");
        let own = leaf(&authority, "localhost");
        let cdn = FakeCdn::start(&own, OK).await;
        let url = format!("https://localhost:{}", cdn.port);
        let found = report(&app, &url, Some(&authority)).await;
        assert_eq!(found["label"], "mirror");
        assert_eq!(found["url"], url);
        assert_eq!(found["address"], format!("127.0.0.1:{}", cdn.port));
        assert_eq!((&found["connected"], &found["error"]), (&json!(true), &Value::Null), "{found}");
        assert_eq!((&found["trusted"], &found["trustError"]), (&json!(true), &Value::Null), "{found}");
        assert_eq!(found["hostnameMatches"], true);
        assert_eq!(found["tlsVersion"], "TLSv1.3");
        assert_eq!((&found["status"], &found["path"]), (&json!(200), &json!("/")));
        assert_eq!(found["expiresInDays"], 10_000);
        let shown = &found["chain"][0];
        assert_eq!((&shown["subject"], &shown["issuer"]), (&json!("CN=localhost"), &json!("CN=CDN CA")));
        assert_eq!(shown["sha256"], fingerprint(&own));
        assert_eq!(shown["expired"], false);
        assert!(shown["serial"].as_str().is_some_and(|s| s.parse::<u64>().is_ok()), "{shown}");
        assert!(found["durationMs"].is_u64());
    }

    async fn what_is_wrong_with_certificates_is_told(database: TestDatabase) {
        let app = app(database).await;
        let authority = ca("CDN CA");
        let expired = FakeCdn::start(&leaf_valid(&authority, "localhost", ended()), OK).await;
        let found = report(&app, &format!("https://localhost:{}", expired.port), Some(&authority)).await;
        assert_eq!(found["trusted"], false, "{found}");
        assert_eq!(found["trustError"], "certificate has expired: CN=localhost");
        assert_eq!((&found["hostnameMatches"], &found["status"]), (&json!(true), &json!(200)));
        assert_eq!((&found["expiresInDays"], &found["chain"][0]["expired"]), (&json!(-1), &json!(true)));

        let named = FakeCdn::start(&leaf(&authority, "other.example.com"), OK).await;
        let found = report(&app, &format!("https://localhost:{}", named.port), Some(&authority)).await;
        assert_eq!((&found["trusted"], &found["hostnameMatches"]), (&json!(true), &json!(false)), "{found}");
        let found = report(&app, &format!("https://127.0.0.1:{}", named.port), Some(&authority)).await;
        assert_eq!(found["hostnameMatches"], false);

        let good = FakeCdn::start(&leaf(&authority, "localhost"), OK).await;
        let url = format!("https://localhost:{}", good.port);
        let found = report(&app, &url, Some(&ca("another CA"))).await;
        assert_eq!(found["trusted"], false, "{found}");
        assert!(found["trustError"].as_str().unwrap().contains("issuer"), "{found}");
        assert_eq!(found["status"], 200);
    }

    async fn without_a_certificate_upstream_cas_are_trusted(database: TestDatabase) {
        let app = app(database).await;
        let authority = ca("CDN CA");
        let own = leaf(&authority, "localhost");
        let cdn = FakeCdn::start(&own, OK).await;
        let url = format!("https://localhost:{}", cdn.port);
        assert_eq!(report(&app, &url, None).await["trusted"], false);
        app.trust("upstream.crt", &authority.certificate_pem().unwrap()).await;
        assert_eq!(report(&app, &url, None).await["trusted"], true);
        // The CDN's own counts alone where there is one; the server's own certificate will do.
        assert_eq!(report(&app, &url, Some(&ca("another CA"))).await["trusted"], false);
        assert_eq!(report(&app, &url, Some(&own)).await["trusted"], true);
    }

    async fn a_path_is_asked_for_and_a_redirect_not_followed(database: TestDatabase) {
        let app = app(database).await;
        let authority = ca("CDN CA");
        let own = leaf(&authority, "localhost");
        let target = FakeCdn::start(&own, OK).await;
        let elsewhere = format!(
            "HTTP/1.1 302 Found\r\nLocation: https://localhost:{}/\r\nContent-Length: 0\r\n\r\n",
            target.port
        );
        let redirecting = FakeCdn::start(&own, elsewhere.leak().as_bytes()).await;
        let url = format!("https://localhost:{}", redirecting.port);
        let found = report(&app, &url, Some(&authority)).await;
        assert_eq!((&found["status"], &found["error"]), (&json!(302), &Value::Null));
        let followed = tokio::time::timeout(std::time::Duration::ZERO, target.connected.notified());
        assert!(followed.await.is_err(), "the redirect was followed");

        let echo = FakeCdn::start(&own, ECHO).await;
        let url = json!({"url": format!("https://localhost:{}/base/", echo.port)});
        assert_eq!(app.json(Method::PUT, "/cdn/mirror", url).await.status, 200);
        let asked = json!({"path": "/content?x=1"});
        let found = app.json(Method::POST, "/cdn/mirror/check", asked).await.json();
        assert_eq!((&found["status"], &found["path"]), (&json!(200), &json!("/content?x=1")), "{found}");
        for bad in [json!({"path": "x"}), json!({"path": "/ x"}), json!({"Path": "/"}), json!([])] {
            let refused = app.json(Method::POST, "/cdn/mirror/check", bad).await;
            refused.assert_problem(400, "bad-request");
        }
    }

    async fn what_does_not_answer_is_told(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| {
            allow(config, &["localhost", "127.0.0.0/8", "*.invalid"]);
            config.cdn.check_timeout_seconds = 1;
        })
        .await;
        let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = closed.local_addr().unwrap().port();
        drop(closed);
        let found = report(&app, &format!("https://127.0.0.1:{port}"), None).await;
        assert_eq!(found["connected"], false);
        assert!(found["error"].as_str().unwrap().contains("refused"), "{found}");
        assert_eq!(found["chain"], json!([]));
        assert_eq!((&found["trusted"], &found["hostnameMatches"]), (&Value::Null, &Value::Null));

        let found = report(&app, "https://nowhere.invalid", None).await;
        assert_eq!((&found["connected"], &found["address"]), (&json!(false), &Value::Null));
        assert!(found["error"].is_string(), "{found}");

        let authority = ca("CDN CA");
        let slow = FakeCdn::start(&leaf(&authority, "localhost"), b"").await;
        let found = report(&app, &format!("https://localhost:{}", slow.port), Some(&authority)).await;
        assert_eq!(found["error"], "no answer came within 1 seconds", "{found}");
        assert_eq!((&found["trusted"], &found["status"]), (&json!(true), &Value::Null));

        let mute = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = mute.local_addr().unwrap().port();
        let found = report(&app, &format!("https://127.0.0.1:{port}"), None).await;
        assert_eq!(found["error"], "the TLS handshake did not end within 1 seconds", "{found}");
        assert_eq!(found["connected"], true);

        let plain = FakeCdn::serve(None, b"no HTTP\r\n\r\n").await;
        let found = report(&app, &format!("https://127.0.0.1:{}", plain.port), None).await;
        assert!(found["error"].as_str().is_some_and(|why| why.contains("TLS handshake")), "{found}");
        let found = report(&app, &format!("http://127.0.0.1:{}", plain.port), None).await;
        assert!(found["error"].as_str().is_some_and(|why| why.contains("HTTP")), "{found}");
    }

    async fn plain_http_has_no_chain_and_little_of_a_body_is_read(database: TestDatabase) {
        let app = app(database).await;
        let plain = FakeCdn::serve(None, OK).await;
        let found = report(&app, &format!("http://127.0.0.1:{}", plain.port), None).await;
        assert_eq!((&found["status"], &found["error"]), (&json!(200), &Value::Null), "{found}");
        assert_eq!((&found["chain"], &found["trusted"]), (&json!([]), &Value::Null));
        assert_eq!((&found["tlsVersion"], &found["expiresInDays"]), (&Value::Null, &Value::Null));
        let endless = FakeCdn::serve(None, ENDLESS).await;
        let found = report(&app, &format!("http://127.0.0.1:{}", endless.port), None).await;
        assert_eq!((&found["status"], &found["error"]), (&json!(200), &Value::Null), "{found}");
    }

    async fn nothing_is_connected_to_that_the_setting_does_not_name(database: TestDatabase) {
        let app = TestApp::start_with(database, |config| {
            allow(config, &["localhost", "127.0.0.2", "other.example.com:8443"]);
        })
        .await;
        let cdn = FakeCdn::serve(None, OK).await;
        let port = cdn.port;
        for (url, named) in [
            (format!("http://127.0.0.1:{port}"), format!("127.0.0.1:{port}")),
            ("https://cdn.example.com".to_owned(), "cdn.example.com:443".to_owned()),
            ("https://other.example.com".to_owned(), "other.example.com:443".to_owned()),
            // The name is named, the address inside that it leads to is not.
            (format!("http://localhost:{port}"), "an address inside".to_owned()),
        ] {
            let body = check(&app, &url, None).await.assert_problem(403, "cdn-check-not-allowed");
            let detail = body["detail"].as_str().unwrap();
            assert!(detail.contains("cdn.check_allow") && detail.contains(&named), "{detail}");
        }
        let connected = tokio::time::timeout(std::time::Duration::ZERO, cdn.connected.notified());
        assert!(connected.await.is_err(), "the service went inside");
        let unknown = app.json(Method::POST, "/cdn/unknown/check", json!({})).await;
        unknown.assert_problem(404, "cdn-not-found");
    }

    async fn by_default_nothing_is_allowed(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let refused = check(&app, "https://cdn.redhat.com", None).await;
        refused.assert_problem(403, "cdn-check-not-allowed");
        let key = app.key(Role::Manager, &[]).await;
        let request = app.request(Method::POST, "/cdn/mirror/check").bearer_auth(&key);
        app.send(request).await.assert_problem(403, "forbidden");
    }

    async fn only_a_few_run_at_once(database: TestDatabase) {
        let app = Arc::new(app(database).await);
        let silent = FakeCdn::serve(None, b"").await;
        let url = format!("http://127.0.0.1:{}", silent.port);
        let cdn = json!({"label": "mirror", "url": url});
        assert_eq!(app.json(Method::POST, "/cdn", cdn).await.status, 200);
        let mut running = Vec::new();
        for _ in 0..portolan::cdn_check::MOST_AT_ONCE {
            let app = app.clone();
            running.push(tokio::spawn(async move {
                app.json(Method::POST, "/cdn/mirror/check", json!({})).await
            }));
            silent.connected.notified().await;
        }
        let refused = app.json(Method::POST, "/cdn/mirror/check", json!({})).await;
        refused.assert_problem(503, "busy");
        assert_eq!(refused.header("retry-after"), "10");
        // Whoever goes away gives its place back.
        for check in running {
            check.abort();
        }
        eventually("there is a place again", || async {
            let again = app.json(Method::POST, "/cdn", json!({"label": "none", "url": "https://127.0.0.1:1"}));
            drop(again.await);
            app.json(Method::POST, "/cdn/none/check", json!({})).await.status == 200
        })
        .await;
    }
}
