//! `cdn_info` and `upstream_cert` as proxies ask them.

use portolan_storage::{both_engines, testing::TestDatabase};
use reqwest::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    manifests,
    support::{Answer, TestApp},
};

const PATH: &str = "/entitlements/acme-0/cdn_info";

async fn started(database: TestDatabase) -> TestApp {
    let app = TestApp::start(database).await;
    app.owner("acme").await;
    app.trust("test.crt", &manifests::CA.certificate_pem().unwrap())
        .await;
    let imported = app.import("acme", manifests::manifest("acme", 2), "").await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    app
}

async fn ask(app: &TestApp, method: Method, path: &str, etag: Option<&str>) -> Answer {
    let mut request = app.request(method, path).bearer_auth(&app.admin);
    if let Some(etag) = etag {
        request = request.header("if-none-match", etag);
    }
    app.send(request).await
}

both_engines! {
    async fn are_revalidated_by_their_entity_tag(database: TestDatabase) {
        let app = started(database).await;
        let first = ask(&app, Method::GET, PATH, None).await;
        let etag = first.header("etag").to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag} is no strong entity tag");
        assert_eq!(first.header("cache-control"), "private, max-age=60");
        for held in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
            let again = ask(&app, Method::GET, PATH, Some(&held)).await;
            assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""), "{held}");
            assert_eq!(again.header("etag"), etag);
            assert_eq!(again.header("cache-control"), "private, max-age=60");
        }
        assert_eq!(ask(&app, Method::GET, PATH, Some("\"x\"")).await.status, 200);
        let head = ask(&app, Method::HEAD, PATH, None).await;
        assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
        assert_eq!(head.header("etag"), etag);
        assert_eq!(head.header("content-length"), first.text.len().to_string());
    }

    async fn are_the_same_bytes_under_the_prefix(database: TestDatabase) {
        let app = started(database).await;
        let root = ask(&app, Method::GET, PATH, None).await;
        let prefixed = ask(&app, Method::GET, &format!("/candlepin{PATH}"), None).await;
        assert_eq!(root.text, prefixed.text);
    }

    async fn never_take_an_unknown_id_for_an_outage(database: TestDatabase) {
        let app = started(database).await;
        for id in ["unknown", "acme-0,O", "a%20b", &"x".repeat(65)] {
            for what in ["cdn_info", "upstream_cert"] {
                let answer = app.get(&format!("/entitlements/{id}/{what}")).await;
                answer.assert_problem(404, "entitlement-not-found");
            }
        }
    }

    async fn show_an_import_at_once(database: TestDatabase) {
        let app = started(database).await;
        assert_eq!(app.get(PATH).await.json()["cdnUrl"], "https://cdn.redhat.com:443");
        // The answer is in memory now; the import must count for the very next request.
        for number in 0..20 {
            let url = format!("https://cdn{number}.example.com");
            let query = format!("?force=MANIFEST_SAME&cdn_url={url}");
            let again = app.import("acme", manifests::manifest("acme", 2), &query).await;
            assert_eq!(again.status, 200, "{}", again.text);
            assert_eq!(app.get(PATH).await.json()["cdnUrl"], url);
        }
        let gone = app.import("acme", manifests::manifest("acme", 1), "?force=MANIFEST_SAME").await;
        assert_eq!(gone.json()["counts"]["removed"], 1, "{}", gone.text);
        app.get("/entitlements/acme-1/cdn_info").await.assert_problem(404, "entitlement-not-found");
    }

    async fn answer_thumbslugs_request_line(database: TestDatabase) {
        let app = started(database).await;
        // The target in absolute form, `Host` without the port, a connection per request.
        let request = format!(
            "GET {}/candlepin/entitlements/acme-0/upstream_cert HTTP/1.1\r\nHost: localhost\r\n\
             Connection: close\r\nAccept: text/plain\r\nAuthorization: Bearer {}\r\n\r\n",
            app.url, app.admin
        );
        let address = app.url.strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        let (_, text) = answer.split_once("\r\n\r\n").unwrap();
        let blocks: Vec<_> = text.lines().filter(|line| line.starts_with("-----BEGIN")).collect();
        assert_eq!(
            blocks,
            [
                "-----BEGIN CERTIFICATE-----",
                "-----BEGIN ENTITLEMENT DATA-----",
                "-----BEGIN RSA SIGNATURE-----",
                "-----BEGIN PRIVATE KEY-----"
            ]
        );
    }
}
