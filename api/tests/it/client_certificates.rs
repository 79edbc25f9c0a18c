//! Whose certificate a request carries: from the handshake, or from a trusted proxy's header.

use std::sync::{Arc, Mutex};

use openssl::{
    base64,
    ssl::{SslContextBuilder, SslSession, SslSessionCacheMode, SslVersion},
};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use portolan::config::{ClientCertificateHeader, HttpConfig};
use portolan_domain::build::Authority;
use portolan_storage::{Engine, Identity, Role, testing::TestDatabase};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::{
    certificates::{ca, ended, fingerprint, intermediate, leaf, leaf_valid, show, x509},
    support::{add_credential, by},
    tls::secured,
    wire::{Server, Stream, answer, client, fetch, tls},
};

/// A server whose clients' CA is this one.
async fn trusting(client_ca: &Authority, change: impl FnOnce(&mut HttpConfig)) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clients.pem");
    std::fs::write(&file, client_ca.certificate_pem().unwrap()).unwrap();
    let server = secured(|http| {
        http.client_ca_file = Some(file.clone());
        change(http);
    })
    .await;
    // Read before the first connection is accepted.
    assert_eq!(who(&server, client()).await, Value::Null);
    server
}

/// What the server takes this client for.
async fn who(server: &Server, client: SslContextBuilder) -> Value {
    shown(&mut tls(server, client).await.unwrap()).await
}

async fn shown(stream: &mut impl Stream) -> Value {
    let (status, body) = fetch(stream, "/test/presented").await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn showing(certificate: &Authority, between: &[&Authority]) -> SslContextBuilder {
    let mut client = client();
    show(&mut client, certificate, between);
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subject_counts_only_from_the_client_ca() {
    let client_ca = ca("Client CA");
    let server = trusting(&client_ca, |_| {}).await;
    let between = intermediate(&client_ca, "Between");
    let (direct, below) = (leaf(&client_ca, "edge-1"), leaf(&between, "edge-2"));
    let own = who(&server, showing(&direct, &[])).await;
    assert_eq!(
        (&own["subject"], &own["sha256"]),
        (&"CN=edge-1".into(), &fingerprint(&direct).into())
    );
    assert_eq!(
        who(&server, showing(&below, &[&between])).await["subject"],
        "CN=edge-2"
    );

    let self_signed = ca("edge-1");
    let nobody = who(&server, showing(&self_signed, &[])).await;
    assert_eq!(nobody["subject"], Value::Null);
    assert_eq!(
        nobody["sha256"],
        fingerprint(&self_signed),
        "it may count by its fingerprint"
    );
    let twin = ca("Client CA");
    let stranger = who(&server, showing(&leaf(&twin, "edge-1"), &[&twin])).await;
    assert_eq!(stranger["subject"], Value::Null);
    let ended = leaf_valid(&client_ca, "edge-1", ended());
    assert_eq!(
        who(&server, showing(&ended, &[])).await,
        Value::Null,
        "not even by fingerprint"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_ca_is_never_a_client_ca() {
    let upstream = ca("Upstream CA");
    let server = trusting(&upstream, |_| {}).await;
    let entitlement = leaf(&upstream, "8a85f98444de1da50144e6d3a7be0e5f");
    let mut stream = tls(&server, showing(&entitlement, &[])).await.unwrap();
    assert_ne!(shown(&mut stream).await["subject"], Value::Null);
    // On the connection that is open already, too.
    let directory = server.state.config.import.upstream_ca_dir.clone().unwrap();
    std::fs::write(
        directory.join("upstream.crt"),
        upstream.certificate_pem().unwrap(),
    )
    .unwrap();
    server.state.anchors.reload().await.unwrap();
    assert_eq!(shown(&mut stream).await["subject"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_client_ca_counts_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clients.pem");
    let (first, second) = (ca("First"), ca("Second"));
    std::fs::write(&file, first.certificate_pem().unwrap()).unwrap();
    let server = secured(|http| http.client_ca_file = Some(file.clone())).await;
    let mut old = tls(&server, showing(&leaf(&first, "edge-1"), &[]))
        .await
        .unwrap();
    let mut new = tls(&server, showing(&leaf(&second, "edge-2"), &[]))
        .await
        .unwrap();
    assert_eq!(shown(&mut old).await["subject"], "CN=edge-1");
    assert_eq!(shown(&mut new).await["subject"], Value::Null);
    std::fs::write(&file, "broken").unwrap();
    assert!(server.state.client_cas.reload().is_err());
    assert_eq!(
        shown(&mut old).await["subject"],
        "CN=edge-1",
        "the CAs before go on"
    );
    std::fs::write(&file, second.certificate_pem().unwrap()).unwrap();
    server.state.client_cas.reload().unwrap();
    assert_eq!(shown(&mut old).await["subject"], Value::Null);
    assert_eq!(shown(&mut new).await["subject"], "CN=edge-2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_can_be_resumed_with_another_certificate() {
    let client_ca = ca("Client CA");
    let server = trusting(&client_ca, |_| {}).await;
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let kept: Arc<Mutex<Vec<SslSession>>> = Arc::default();
        let mut first = showing(&leaf(&client_ca, "edge-1"), &[]);
        first.set_max_proto_version(Some(version)).unwrap();
        first.set_session_cache_mode(SslSessionCacheMode::CLIENT);
        let keep = kept.clone();
        first.set_new_session_callback(move |_, session| keep.lock().unwrap().push(session));
        let mut stream = tls(&server, first).await.unwrap();
        assert_eq!(shown(&mut stream).await["subject"], "CN=edge-1");
        // A client keeps what can be resumed.
        assert!(kept.lock().unwrap().is_empty(), "{version:?}");
        assert!(!stream.ssl().session_reused());
    }
}

/// What a proxy at this address gets for these headers.
async fn forwarded(server: &Server, elsewhere: bool, headers: &[(&str, String)]) -> (u16, String) {
    let mut stream = if elsewhere {
        server.connect_from_elsewhere().await
    } else {
        server.connect().await
    };
    let mut head = "GET /test/presented HTTP/1.1\r\nhost: portolan\r\n".to_owned();
    for &(name, ref value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    stream.write_all((head + "\r\n").as_bytes()).await.unwrap();
    answer(&mut stream).await
}

fn binary(authority: &Authority) -> String {
    format!(
        ":{}:",
        base64::encode_block(&x509(authority).to_der().unwrap())
    )
}

/// As nginx writes `$ssl_client_escaped_cert`.
fn escaped(authority: &Authority) -> String {
    let pem = authority.certificate_pem().unwrap();
    percent_encode(pem.as_bytes(), NON_ALPHANUMERIC).to_string()
}

/// A server with a trusted proxy, which passes certificates on in this header.
async fn behind_a_proxy(client_ca: &Authority, header: ClientCertificateHeader) -> Server {
    let database = TestDatabase::new(Engine::Sqlite).await;
    let file = database.folder.path().join("clients.pem");
    std::fs::write(&file, client_ca.certificate_pem().unwrap()).unwrap();
    Server::start_in(database, |http| {
        http.client_ca_file = Some(file);
        http.trusted_proxies = vec!["127.0.0.2/32".to_owned()].try_into().unwrap();
        http.client_certificate_header = header;
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trusted_proxys_header_is_judged_as_a_handshake_is() {
    let client_ca = ca("Client CA");
    let between = intermediate(&client_ca, "Between");
    let (direct, below) = (leaf(&client_ca, "edge-1"), leaf(&between, "edge-2"));
    let cert = |authority: &Authority| ("Client-Cert", binary(authority));
    let pem = |authority: &Authority| ("X-SSL-Client-Cert", escaped(authority));
    let chain = (
        "Client-Cert-Chain",
        format!("{}, {}", binary(&client_ca), binary(&between)),
    );
    let standard = behind_a_proxy(&client_ca, ClientCertificateHeader::Standard).await;
    let nginx = behind_a_proxy(&client_ca, ClientCertificateHeader::Pem).await;
    for (server, headers, subject) in [
        (&standard, vec![cert(&direct)], Some("CN=edge-1")),
        (&nginx, vec![pem(&direct)], Some("CN=edge-1")),
        // What its client wrote beside it counts for nothing.
        (&nginx, vec![pem(&direct), cert(&below)], Some("CN=edge-1")),
        (
            &standard,
            vec![cert(&below), chain.clone()],
            Some("CN=edge-2"),
        ),
        (&standard, vec![cert(&below)], None),
        (&standard, vec![cert(&ca("edge-1"))], None),
    ] {
        let (status, body) = forwarded(server, true, &headers).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, 200);
        assert_eq!(body["subject"].as_str(), subject);
        assert!(body["sha256"].is_string());
        // From anybody else it is ignored.
        let elsewhere = forwarded(server, false, &headers).await;
        assert_eq!(elsewhere, (200, "null".to_owned()));
    }
    let off = behind_a_proxy(&client_ca, ClientCertificateHeader::None).await;
    for (server, headers) in [
        (&standard, vec![]),
        (&standard, vec![("Client-Cert", String::new())]),
        (
            &standard,
            vec![cert(&leaf_valid(&client_ca, "edge-1", ended()))],
        ),
        (&standard, vec![pem(&direct)]),
        (&nginx, vec![cert(&direct)]),
        (&off, vec![cert(&direct)]),
        (&off, vec![pem(&direct)]),
    ] {
        let nobody = forwarded(server, true, &headers).await;
        assert_eq!(nobody, (200, "null".to_owned()));
    }
    for (server, headers) in [
        (&standard, vec![cert(&direct), cert(&direct)]),
        (&nginx, vec![pem(&direct), pem(&direct)]),
        (&standard, vec![("Client-Cert", "edge-1".to_owned())]),
        (&standard, vec![("Client-Cert", ":bm9uZQ==:".to_owned())]),
        (&nginx, vec![("X-SSL-Client-Cert", "none".to_owned())]),
        (
            &standard,
            vec![cert(&direct), ("Client-Cert-Chain", "none".to_owned())],
        ),
    ] {
        let (status, body) = forwarded(server, true, &headers).await;
        assert_eq!(status, 400, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trusted_proxys_own_certificate_is_not_its_clients() {
    let client_ca = ca("Client CA");
    let proxies = |http: &mut HttpConfig| {
        http.trusted_proxies = vec!["127.0.0.1".to_owned()].try_into().unwrap();
    };
    let server = trusting(&client_ca, proxies).await;
    assert_eq!(
        who(&server, showing(&leaf(&client_ca, "proxy"), &[])).await,
        Value::Null
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_somebody_by_its_fingerprint_or_its_vouched_subject() {
    let client_ca = ca("Client CA");
    let server = trusting(&client_ca, |_| {}).await;
    let (known, named) = (ca("self-signed"), leaf(&client_ca, "edge-1"));
    let sha256 = fingerprint(&known).parse().unwrap();
    let identity = Identity::Certificate { sha256 };
    add_credential(&server.state, "by fingerprint", Role::Manager, identity).await;
    let name = "CN=edge-1";
    let identity = Identity::Subject { name };
    add_credential(&server.state, "by subject", Role::Auditor, identity).await;
    let ask = async |client: SslContextBuilder, path: &str| {
        fetch(&mut tls(&server, client).await.unwrap(), path)
            .await
            .0
    };
    // A manager and an auditor read owners, and only the auditor the audit log.
    assert_eq!(ask(showing(&known, &[]), "/owners").await, 200);
    assert_eq!(ask(showing(&known, &[]), "/audit").await, 403);
    assert_eq!(ask(showing(&named, &[]), "/audit").await, 200);
    for nobody in [
        ca("edge-1"),
        leaf(&ca("Client CA"), "edge-1"),
        leaf(&client_ca, "edge-2"),
        leaf_valid(&client_ca, "edge-1", ended()),
    ] {
        assert_eq!(ask(showing(&nobody, &[]), "/owners").await, 401);
    }
    assert_eq!(ask(client(), "/owners").await, 401);
    // One connection, and the certificate is taken away.
    let mut open = tls(&server, showing(&named, &[])).await.unwrap();
    assert_eq!(fetch(&mut open, "/audit").await.0, 200);
    let store = &server.state.store;
    store.revoke_credential("by subject", &by()).await.unwrap();
    let gone = std::time::Instant::now();
    while fetch(&mut open, "/audit").await.0 != 401 {
        assert!(gone.elapsed() < std::time::Duration::from_secs(5));
    }
}
