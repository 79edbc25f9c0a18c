//! OAuth 1.0a as clients of Candlepin's family use it: Thumbslug's own request over a raw socket, and
//! what must not count.

use openssl::{hash::MessageDigest, pkey::PKey, sign::Signer};
use portolan::{clock::Clock, config::Config};
use portolan_storage::{Identity, Role, both_engines, testing::TestDatabase};
use reqwest::{Method, header::AUTHORIZATION};
use time::OffsetDateTime;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    manifests::{self, CA, described, signed_by},
    support::{Answer, TestApp, add_credential, now},
};

/// The entitlement of the recorded request.
const RECORDED: &str = "8a8081a98a1b2c3d018a1b2c3d4e0001";
/// When the recorded request was signed.
const RECORDED_AT: i64 = 1_795_321_590;

/// A service with one entitlement and the consumer `thumbslug`.
async fn app(database: TestDatabase, at: i64, change: impl FnOnce(&mut Config)) -> TestApp {
    let clock = Clock::from_fn(move || OffsetDateTime::from_unix_timestamp(at).unwrap());
    let store = database.store.clone();
    let app = TestApp::start_at(store, database, change, clock).await;
    app.owner("acme").await;
    app.trust("test.crt", &CA.certificate_pem().unwrap()).await;
    let created = now() - time::Duration::days(1);
    let manifest = signed_by(&CA, &described("acme", created, &[RECORDED.to_owned()]));
    let imported = app.import("acme", manifest, "").await;
    assert_eq!(imported.status, 200, "{}", imported.text);
    let identity = Identity::OAuth {
        key: "thumbslug",
        secret: "shhhhh",
    };
    add_credential(&app.state, "thumbslug", Role::Proxy, identity).await;
    app
}

/// Exactly what Thumbslug sends, with a signature that was recorded.
fn thumbslug(path: &str, timestamp: i64, nonce: &str, signature: &str) -> String {
    let signature = signature
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    format!(
        "GET http://localhost:9898{path} HTTP/1.1\r\n\
         Authorization: OAuth oauth_consumer_key=\"thumbslug\", \
         oauth_signature_method=\"HMAC-SHA1\", oauth_timestamp=\"{timestamp}\", \
         oauth_nonce=\"{nonce}\", oauth_version=\"1.0\", oauth_signature=\"{signature}\"\r\n\
         Accept: text/plain\r\nAccept-Encoding: gzip\r\nHost: localhost\r\n\
         Connection: close\r\n\r\n"
    )
}

async fn raw(app: &TestApp, request: &str) -> String {
    let address = app.url.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // Connection: close, so the answer ends with the connection.
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// A header that signs a request, by the letter of RFC 5849 for URLs without a query.
fn signed(method: &Method, url: &str, secret: &str, nonce: &str, digest: MessageDigest) -> String {
    let name = if digest == MessageDigest::sha1() {
        "HMAC-SHA1"
    } else {
        "HMAC-SHA256"
    };
    let timestamp = now().unix_timestamp();
    let parameters = format!(
        "oauth_consumer_key=thumbslug&oauth_nonce={nonce}&oauth_signature_method={name}\
         &oauth_timestamp={timestamp}&oauth_version=1.0"
    );
    let escape = |text: &str| {
        let escaped = text
            .replace('%', "%25")
            .replace(':', "%3A")
            .replace('/', "%2F");
        escaped
            .replace('=', "%3D")
            .replace('&', "%26")
            .replace('+', "%2B")
    };
    let base = format!("{method}&{}&{}", escape(url), escape(&parameters));
    let key = PKey::hmac(format!("{secret}&").as_bytes()).unwrap();
    let code = Signer::new(digest, &key)
        .unwrap()
        .sign_oneshot_to_vec(base.as_bytes())
        .unwrap();
    let signature = escape(&openssl::base64::encode_block(&code));
    format!(
        "OAuth realm=\"x\", oauth_consumer_key=\"thumbslug\", oauth_nonce=\"{nonce}\", \
         oauth_signature_method=\"{name}\", oauth_timestamp=\"{timestamp}\", \
         oauth_version=\"1.0\", oauth_signature=\"{signature}\""
    )
}

const PUBLIC: &str = "https://portolan.example.com";

fn public_url(config: &mut Config) {
    config.http.public_url = Some(PUBLIC.to_owned().try_into().unwrap());
}

async fn ask(app: &TestApp, method: Method, path: &str, header: &str) -> Answer {
    app.send(app.request(method, path).header(AUTHORIZATION, header))
        .await
}

both_engines! {
    async fn thumbslugs_own_request_gets_its_certificate_once(database: TestDatabase) {
        let app = app(database, RECORDED_AT, |_| {}).await;
        let path = format!("/candlepin/entitlements/{RECORDED}/upstream_cert");
        let signature = "KldvoHjJXjiBDjiMKhz/8OkEzSE=";
        let request = thumbslug(&path, RECORDED_AT, "1279054756552", signature);
        let answer = raw(&app, &request).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\r\ncontent-type: text/plain; charset=utf-8\r\n"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(body.starts_with("-----BEGIN CERTIFICATE-----\n"), "{body}");
        assert!(body.trim_end().ends_with("PRIVATE KEY-----"), "{body}");

        let replayed = raw(&app, &request).await;
        assert!(replayed.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{replayed}");
        assert!(replayed.contains("oauth_nonce was used before"), "{replayed}");
        assert!(!replayed.contains("PRIVATE KEY"), "{replayed}");
        // The signature is for this path alone.
        let elsewhere = path.replace("0001", "0002");
        let answer = raw(&app, &thumbslug(&elsewhere, RECORDED_AT, "1279054756552", signature)).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");

        let ping = thumbslug("/candlepin/status", RECORDED_AT, "1", "bm90IGNoZWNrZWQ=");
        let answer = raw(&app, &ping).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }

    async fn an_unknown_entitlement_is_a_404_and_never_an_outage(database: TestDatabase) {
        let app = app(database, now().unix_timestamp(), public_url).await;
        let path = "/candlepin/entitlements/nobody/upstream_cert";
        let url = format!("{PUBLIC}{path}");
        let header = signed(&Method::GET, &url, "shhhhh", "n", MessageDigest::sha1());
        ask(&app, Method::GET, path, &header).await.assert_problem(404, "entitlement-not-found");
    }

    async fn both_algorithms_sign_for_the_public_url(database: TestDatabase) {
        let app = app(database, now().unix_timestamp(), public_url).await;
        let path = format!("/entitlements/{RECORDED}/cdn_info");
        let url = format!("{PUBLIC}{path}");
        for (nonce, digest) in [("1", MessageDigest::sha1()), ("2", MessageDigest::sha256())] {
            let header = signed(&Method::GET, &url, "shhhhh", nonce, digest);
            let request = app.request(Method::GET, &path).header(AUTHORIZATION, &header);
            // What the client says in Host changes nothing.
            let answer = app.send(request.header("host", "elsewhere.example.com")).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            ask(&app, Method::GET, &path, &header).await.assert_problem(401, "unauthorized");
        }
        let own = format!("{}{path}", app.url);
        let by_host = signed(&Method::GET, &own, "shhhhh", "3", MessageDigest::sha1());
        ask(&app, Method::GET, &path, &by_host).await.assert_problem(401, "unauthorized");
        let other_secret = signed(&Method::GET, &url, "shhhh", "4", MessageDigest::sha1());
        ask(&app, Method::GET, &path, &other_secret).await.assert_problem(401, "unauthorized");
        let other_method = signed(&Method::PUT, &url, "shhhhh", "5", MessageDigest::sha1());
        ask(&app, Method::GET, &path, &other_method).await.assert_problem(401, "unauthorized");
        let nobody = signed(&Method::GET, &url, "shhhhh", "6", MessageDigest::sha1());
        let nobody = nobody.replace("\"thumbslug\"", "\"nobody\"");
        ask(&app, Method::GET, &path, &nobody).await.assert_problem(401, "unauthorized");
    }

    async fn without_a_url_to_sign_the_setting_is_named(database: TestDatabase) {
        let app = app(database, now().unix_timestamp(), |_| {}).await;
        let path = format!("/entitlements/{RECORDED}/cdn_info");
        let own = format!("{}{path}", app.url);
        let header = signed(&Method::GET, &own, "shhhhh", "n", MessageDigest::sha1());
        let answer = ask(&app, Method::GET, &path, &header).await;
        let problem = answer.assert_problem(401, "unauthorized");
        assert!(problem["detail"].as_str().unwrap().contains("http.public_url"), "{problem}");
        let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(challenges.len(), 2);
        assert!(challenges[1].to_str().unwrap().starts_with("OAuth "));
    }

    async fn a_consumers_role_and_its_revocation_count(database: TestDatabase) {
        let app = app(database, now().unix_timestamp(), public_url).await;
        let path = "/owners";
        let url = format!("{PUBLIC}{path}");
        let header = |nonce: &str| signed(&Method::GET, &url, "shhhhh", nonce, MessageDigest::sha1());
        ask(&app, Method::GET, path, &header("1")).await.assert_problem(403, "forbidden");
        let store = &app.state.store;
        store.revoke_credential("thumbslug", &crate::support::by()).await.unwrap();
        let mut nonce = 1;
        crate::support::eventually("the revoked consumer is refused", || {
            nonce += 1;
            let header = header(&nonce.to_string());
            async { ask(&app, Method::GET, path, &{ header }).await.status == 401 }
        })
        .await;
    }

    async fn shared_nonces_count_on_every_node(database: TestDatabase) {
        let store = database.store.clone();
        let other = database.clone();
        let shared = |config: &mut Config| {
            public_url(config);
            config.access.shared_nonces = true;
        };
        let first = app(database, now().unix_timestamp(), shared).await;
        // Another node of the same database; it has no key of its own, so it gets another name.
        store.revoke_credential("admin", &crate::support::by()).await.unwrap();
        let second = TestApp::start_on(store, other, shared).await;
        let path = format!("/entitlements/{RECORDED}/cdn_info");
        let header = signed(
            &Method::GET, &format!("{PUBLIC}{path}"), "shhhhh", "n", MessageDigest::sha256(),
        );
        assert_eq!(ask(&first, Method::GET, &path, &header).await.status, 200);
        let replayed = ask(&second, Method::GET, &path, &header).await;
        replayed.assert_problem(401, "unauthorized");
        assert!(replayed.text.contains("was used before"), "{}", replayed.text);
    }
}

#[test]
fn the_recorded_entitlement_is_an_id() {
    assert!(
        RECORDED
            .parse::<portolan_domain::ids::EntitlementId>()
            .is_ok()
    );
    assert!(manifests::id(1) != RECORDED);
}
