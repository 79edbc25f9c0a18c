//! `/edge/cdn_info/nginx`: where content is, in headers, and whose word about the client counts.

use base64::{Engine, engine::general_purpose::STANDARD};
use portolan_storage::{Role, both_engines, testing::TestDatabase};
use reqwest::Method;

use super::{
    manifests::{CA, manifest},
    support::{Answer, TestApp},
};

const PATH: &str = "/edge/cdn_info/nginx";

async fn started(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    app.owner("acme").await;
    app.owner("other").await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    let imported = app.import("acme", manifest("acme", 1), "").await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    app
}

async fn ask(app: &TestApp, query: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = app.request(Method::GET, &format!("{PATH}{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.bearer_auth(&app.admin)).await
}

both_engines! {
    async fn it_is_told_in_headers(database: TestDatabase) {
        let app = started(database).await;
        let info = app.get("/entitlements/acme-0/cdn_info").await.json();
        let told = ask(&app, "", &[("x-entitlement-id", "acme-0")]).await;
        assert_eq!(told.status, 204, "{}", told.text);
        let url = info["cdnUrl"].as_str().unwrap();
        assert_eq!(told.header("x-cdn-url"), url);
        let host = reqwest::Url::parse(url).unwrap();
        assert_eq!(told.header("x-cdn-host"), host.host_str().unwrap());
        assert_eq!(told.header("x-cdn-ca-sha256"), info["caCertificate"]["sha256"]);
        let cert = info["upstreamCertificate"]["cert"].as_str().unwrap();
        let own = portolan_domain::trust::Certificate::from_pem(cert.as_bytes()).unwrap();
        assert_eq!(told.header("x-cdn-credential-id"), own.sha256().to_string());
        assert_eq!(told.header("cache-control"), "max-age=60");
        assert!(told.header("vary").contains("X-Entitlement-Id"));
        assert!(!told.headers.contains_key("x-cdn-key"));
        let all = ask(&app, "?credentials=header", &[("x-entitlement-id", "acme-0")]).await;
        assert_eq!(all.header("cache-control"), "no-store");
        let text = |name| String::from_utf8(STANDARD.decode(all.header(name)).unwrap()).unwrap();
        assert_eq!(text("x-cdn-certificate"), cert);
        assert_eq!(text("x-cdn-key"), info["upstreamCertificate"]["key"].as_str().unwrap());
        ask(&app, "?credentials=body", &[("x-entitlement-id", "acme-0")])
            .await
            .assert_problem(400, "bad-request");
    }

    async fn a_subject_counts_from_a_trusted_proxy_alone(database: TestDatabase) {
        let app = started(database.clone()).await;
        let named = [("x-ssl-client-s-dn", "CN=acme-0,O=Example"), ("x-ssl-client-verify", "SUCCESS")];
        ask(&app, "", &named).await.assert_problem(403, "edge-proxy-untrusted");
        let app = trusting(database).await;
        assert_eq!(ask(&app, "", &named).await.status, 204);
        for subject in ["O=Example,CN=acme-0", "CN=acme-0"] {
            let told = ask(&app, "", &[("x-ssl-client-s-dn", subject), named[1]]).await;
            assert_eq!(told.status, 204, "{subject}: {}", told.text);
        }
        for subject in [
            "CN=acme-0,CN=acme-1", "O=acme-0", "CN=acme-0\\,O=x", "acme-0", "CN=nobody", "/CN=acme-0",
            "CN=a b",
        ] {
            let refused = ask(&app, "", &[("x-ssl-client-s-dn", subject), named[1]]).await;
            refused.assert_problem(403, "edge-entitlement-unknown");
            assert_eq!(refused.header("cache-control"), "no-store");
        }
        for verify in ["NONE", "FAILED:self signed certificate", "success", ""] {
            let refused = ask(&app, "", &[named[0], ("x-ssl-client-verify", verify)]).await;
            refused.assert_problem(403, "edge-client-unverified");
        }
        ask(&app, "", &named[..1]).await.assert_problem(403, "edge-client-unverified");
        let none = [("x-ssl-client-s-dn", ""), ("x-ssl-client-verify", "NONE")];
        ask(&app, "", &none).await.assert_problem(403, "edge-client-unverified");
        let both = [named[0], named[1], ("x-entitlement-id", "acme-0")];
        ask(&app, "", &both).await.assert_problem(400, "bad-request");
        let twice = [named[0], named[0], named[1]];
        ask(&app, "", &twice).await.assert_problem(400, "bad-request");
    }

    async fn what_is_unknown_is_a_403_since_nginx_makes_a_500_of_a_404(database: TestDatabase) {
        let app = started(database).await;
        ask(&app, "", &[]).await.assert_problem(400, "bad-request");
        for id in ["nobody", "a,O", "a b"] {
            let refused = ask(&app, "", &[("x-entitlement-id", id)]).await;
            refused.assert_problem(403, "edge-entitlement-unknown");
        }
        let twice = [("x-entitlement-id", "acme-0"), ("x-entitlement-id", "acme-0")];
        ask(&app, "", &twice).await.assert_problem(400, "bad-request");
        let stranger = app.key(Role::Proxy, &["other"]).await;
        let request = app.request(Method::GET, PATH).header("x-entitlement-id", "acme-0");
        app.send(request.bearer_auth(&stranger)).await.assert_problem(403, "forbidden");
        assert_eq!(app.delete("/owners/acme/imports").await.status, 200);
        let gone = ask(&app, "", &[("x-entitlement-id", "acme-0")]).await;
        gone.assert_problem(403, "edge-entitlement-unknown");
    }
}

/// A further service, which trusts a proxy.
async fn trusting(database: TestDatabase) -> TestApp {
    let change = |config: &mut portolan::config::Config| {
        config.http.trusted_proxies = vec!["127.0.0.1".to_owned()].try_into().unwrap();
    };
    let clock = portolan::clock::Clock::from_fn(super::support::now);
    let store = database.store.clone();
    TestApp::start_named(store, database, change, clock, "second").await
}
