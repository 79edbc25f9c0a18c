//! TLS by the program itself: versions, protocols, new certificates without a restart, and an orderly
//! end.

use std::process::Stdio;

use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use openssl::ssl::{SslContextBuilder, SslVersion};
use portolan::{
    config::{HttpConfig, TlsPaths},
    server::tls::Tls,
};
use portolan_domain::digest::Sha256Digest;
use portolan_storage::{Engine, testing::TestDatabase};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
    time::timeout,
};

use super::{
    certificates::{ca, fingerprint, leaf, write_pair},
    support::eventually,
    wire::{LONG, Server, TlsStream, answer, ask, client, fetch, tls, until_closed},
};

/// A server with TLS.
pub async fn secured(change: impl FnOnce(&mut HttpConfig)) -> Server {
    let database = TestDatabase::new(Engine::Sqlite).await;
    let folder = database.folder.path().to_owned();
    write_pair(&folder, &leaf(&ca("Server CA"), "localhost"));
    Server::start_in(database, |http| {
        http.tls_cert_file = Some(folder.join("tls.crt"));
        http.tls_key_file = Some(folder.join("tls.key"));
        change(http);
    })
    .await
}

fn only(version: SslVersion) -> SslContextBuilder {
    let mut client = client();
    // Old versions sign with SHA-1, which OpenSSL itself takes at level 0 alone.
    client.set_cipher_list("DEFAULT@SECLEVEL=0").unwrap();
    client.set_min_proto_version(Some(version)).unwrap();
    client.set_max_proto_version(Some(version)).unwrap();
    client
}

fn offering(protocols: &[u8]) -> SslContextBuilder {
    let mut client = client();
    client.set_alpn_protos(protocols).unwrap();
    client
}

/// The fingerprint of the certificate that the server shows.
fn shown(stream: &TlsStream) -> String {
    let certificate = stream.ssl().peer_certificate().unwrap();
    Sha256Digest::of(&certificate.to_der().unwrap()).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_tls_1_2_and_1_3_are_spoken() {
    let server = secured(|_| {}).await;
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let mut stream = tls(&server, only(version)).await.unwrap();
        assert_eq!(stream.ssl().version2(), Some(version));
        assert_eq!(fetch(&mut stream, "/health/live").await.0, 200);
    }
    for version in [SslVersion::TLS1, SslVersion::TLS1_1] {
        assert!(tls(&server, only(version)).await.is_err(), "{version:?}");
    }
    let mut plain = server.connect().await;
    plain
        .write_all(b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let read = until_closed(&mut plain).await;
    assert!(!read.starts_with(b"HTTP"), "plain HTTP was answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_protocol_is_negotiated() {
    let server = secured(|_| {}).await;
    let stream = tls(&server, offering(b"\x08http/1.1\x02h2")).await.unwrap();
    assert_eq!(stream.ssl().selected_alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(over_http2(stream).await.0, 200);
    let mut stream = tls(&server, offering(b"\x08http/1.1")).await.unwrap();
    assert_eq!(
        stream.ssl().selected_alpn_protocol(),
        Some(&b"http/1.1"[..])
    );
    assert_eq!(fetch(&mut stream, "/health/live").await.0, 200);
    assert!(tls(&server, offering(b"\x08http/0.9")).await.is_err());
}

async fn over_http2(stream: TlsStream) -> (u16, http2::SendRequest<Empty<Bytes>>) {
    let io = TokioIo::new(stream);
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let answer = client.send_request(get("/health/live")).await.unwrap();
    (answer.status().as_u16(), client)
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    let uri = format!("https://portolan{path}");
    Request::get(uri).body(Empty::new()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_does_not_come_ends_its_connection() {
    let server = secured(|http| http.limits.handshake_seconds = 1).await;
    let mut stream = tls(&server, client()).await.unwrap();
    assert!(until_closed(&mut server.connect().await).await.is_empty());
    assert_eq!(fetch(&mut stream, "/health/live").await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_counts_without_a_restart() {
    let server = secured(|_| {}).await;
    let mut before = tls(&server, client()).await.unwrap();
    let new = leaf(&ca("Server CA"), "localhost");
    assert_ne!(shown(&before), fingerprint(&new));
    write_pair(server.folder(), &new);
    eventually("the new certificate is shown", async || {
        shown(&tls(&server, client()).await.unwrap()) == fingerprint(&new)
    })
    .await;
    assert_eq!(fetch(&mut before, "/health/live").await.0, 200);
}

#[test]
fn what_cannot_be_used_changes_nothing_and_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let paths = TlsPaths {
        certificate: &certificate,
        key: &key,
    };
    let refused = || Tls::load(paths).err().unwrap().to_string();
    assert!(refused().contains("http.tls_cert_file") && refused().contains("cannot be read"));
    write_pair(folder.path(), &leaf(&ca("Server CA"), "localhost"));
    let tls = Tls::load(paths).unwrap();
    assert!(!tls.reload().unwrap());
    let other = leaf(&ca("Server CA"), "localhost");
    for (file, text, key_of_config, why) in [
        (
            &key,
            other.key_pem().unwrap().expose(),
            "http.tls_key_file",
            "is not the key of",
        ),
        (&key, "no key", "http.tls_key_file", "holds no private key"),
        (
            &certificate,
            "none",
            "http.tls_cert_file",
            "holds no certificate",
        ),
    ] {
        std::fs::write(file, text).unwrap();
        let error = tls.reload().unwrap_err().to_string();
        assert!(
            error.contains(key_of_config) && error.contains(why),
            "{error}"
        );
        assert!(error.contains(file.to_str().unwrap()), "{error}");
        assert!(!tls.reload().unwrap(), "it was said already");
    }
    std::fs::remove_file(&key).unwrap();
    assert!(tls.reload().is_err());
    assert!(!tls.reload().unwrap());
    write_pair(folder.path(), &other);
    assert!(tls.reload().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_does_not_start_with_files_that_cannot_be_used() {
    let database = TestDatabase::new(Engine::Sqlite).await;
    let missing = database.folder.path().join("missing.pem");
    let server = Server::start_in(database, |http| http.client_ca_file = Some(missing)).await;
    let error = server.serving.await.unwrap().unwrap_err().to_string();
    assert!(
        error.starts_with("http.client_ca_file: ") && error.contains("missing.pem"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_under_way_end_when_the_server_stops() {
    let mut server = secured(|_| {}).await;
    let mut idle = tls(&server, client()).await.unwrap();
    assert_eq!(fetch(&mut idle, "/health/live").await.0, 200);
    let mut http1 = tls(&server, client()).await.unwrap();
    ask(&mut http1, "/test/gated").await;
    timeout(LONG, server.arrived.notified()).await.unwrap();
    let stream = tls(&server, offering(b"\x02h2")).await.unwrap();
    let (_, mut client) = over_http2(stream).await;
    let over_http2 = tokio::spawn(client.send_request(get("/test/gated")));
    timeout(LONG, server.arrived.notified()).await.unwrap();
    server.stop();
    assert!(until_closed(&mut idle).await.is_empty());
    let address = server.address;
    eventually("no new connections", async || {
        tokio::net::TcpStream::connect(address).await.is_err()
    })
    .await;
    assert!(!server.serving.is_finished());
    server.gate.add_permits(2);
    assert_eq!(answer(&mut http1).await, (200, "done".to_owned()));
    let answer = over_http2.await.unwrap().unwrap();
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        "done"
    );
    timeout(LONG, server.serving)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_end_in_time_is_cut_off() {
    let mut server = secured(|http| http.shutdown_grace_seconds = 1).await;
    let mut hanging = tls(&server, client()).await.unwrap();
    ask(&mut hanging, "/test/gated").await;
    timeout(LONG, server.arrived.notified()).await.unwrap();
    server.stop();
    timeout(LONG, server.serving)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(until_closed(&mut hanging).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_speaks_tls_and_names_a_wrong_file() {
    let folder = tempfile::tempdir().unwrap();
    let own = leaf(&ca("Server CA"), "localhost");
    write_pair(folder.path(), &own);
    let program = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portolan"));
        command.args(["--data-dir", "data", "--listen", "127.0.0.1:0"]);
        command.args(arguments).current_dir(folder.path());
        command.env("PORTOLAN__HTTP__TLS_CERT_FILE", "tls.crt");
        command.env("PORTOLAN__HTTP__TLS_KEY_FILE", "tls.key");
        command
            .kill_on_drop(true)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    };
    let checked = program(&["config", "check"]).output().await.unwrap();
    assert!(checked.status.success());
    let mut serving = program(&["serve"]).spawn().unwrap();
    let mut lines = BufReader::new(serving.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(
        line.starts_with("listening on https://127.0.0.1:"),
        "{line}"
    );
    serving.kill().await.unwrap();

    std::fs::write(folder.path().join("tls.key"), "none").unwrap();
    for arguments in [&["config", "check"][..], &["serve"]] {
        let refused = program(arguments).output().await.unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(
            said.contains("http.tls_key_file: tls.key holds no private key"),
            "{said}"
        );
    }
    let mut half = program(&["config", "check"]);
    let half = half
        .env_remove("PORTOLAN__HTTP__TLS_KEY_FILE")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(half.stderr).unwrap();
    assert!(said.contains("http.tls_key_file: is missing"), "{said}");
}
