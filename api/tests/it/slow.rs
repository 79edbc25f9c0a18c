//! Clients that are slow, silent or many: each limit ends what it is for, and nothing else.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portolan_storage::Role;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Instant, interval, timeout},
};

use super::{
    support::add_key,
    wire::{LARGE, LONG, Server, answer, ask, fetch, until_closed},
};

type Http2 = http2::SendRequest<Empty<Bytes>>;

/// A connection with HTTP/2; the task ends with it.
async fn http2(stream: TcpStream) -> (Http2, tokio::task::JoinHandle<hyper::Result<()>>) {
    let io = TokioIo::new(stream);
    let (client, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    (client, tokio::spawn(connection))
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    let uri = format!("http://portolan{path}");
    Request::get(uri).body(Empty::new()).unwrap()
}

/// Waits for longer than the limit of a new connection.
async fn until_a_silent_connection_is_closed(server: &Server) {
    let mut silent = server.connect().await;
    assert!(until_closed(&mut silent).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_does_not_come_ends_its_connection_alone() {
    let server = Server::start(|http| http.limits.header_seconds = 1).await;
    let mut kept = server.connect().await;
    assert_eq!(fetch(&mut kept, "/health/live").await.0, 200);
    let begun = Instant::now();
    // A byte now and then, which lengthens nothing.
    let mut dripping = server.connect().await;
    let mut ticks = interval(Duration::from_millis(100));
    for byte in b"GET /health/live HTTP/1.1\r\nx-long: "
        .iter()
        .chain(std::iter::repeat(&b'x'))
    {
        ticks.tick().await;
        let open = dripping.write_all(&[*byte]).await.is_ok();
        let mut one = [0];
        let quiet = matches!(dripping.try_read(&mut one), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
        if !open || !quiet {
            break;
        }
        assert!(begun.elapsed() < LONG, "it stays open");
    }
    assert!(begun.elapsed() >= Duration::from_secs(1));
    until_a_silent_connection_is_closed(&server).await;
    // Idle for longer than a head may take.
    assert_eq!(fetch(&mut kept, "/health/live").await.0, 200);
    kept.write_all(b"GET /health").await.unwrap();
    assert!(
        until_closed(&mut kept).await.is_empty(),
        "the second head is limited too"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_is_closed_and_a_new_one_is_not_idle() {
    let server = Server::start(|http| http.limits.idle_seconds = 1).await;
    let mut new = server.connect().await;
    let mut idle = server.connect().await;
    assert_eq!(fetch(&mut idle, "/health/live").await.0, 200);
    assert!(until_closed(&mut idle).await.is_empty());
    assert_eq!(fetch(&mut new, "/health/live").await.0, 200);

    let (mut client, connection) = http2(server.connect().await).await;
    assert_eq!(
        client
            .send_request(get("/health/live"))
            .await
            .unwrap()
            .status(),
        200
    );
    timeout(LONG, connection).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_handler_is_waited_for() {
    let server = Server::start(|http| {
        http.limits.header_seconds = 1;
        http.limits.idle_seconds = 1;
        http.limits.write_seconds = 1;
        http.limits.handshake_seconds = 1;
    })
    .await;
    let mut http1 = server.connect().await;
    ask(&mut http1, "/test/gated").await;
    let (mut client, _connection) = http2(server.connect().await).await;
    let over_http2 = tokio::spawn(client.send_request(get("/test/gated")));
    for _ in 0..3 {
        until_a_silent_connection_is_closed(&server).await;
    }
    server.gate.add_permits(2);
    assert_eq!(answer(&mut http1).await, (200, "done".to_owned()));
    assert_eq!(over_http2.await.unwrap().unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_is_given_up() {
    let server = Server::start(|http| http.limits.write_seconds = 1).await;
    let mut stream = server.connect().await;
    ask(&mut stream, "/test/endless").await;
    timeout(LONG, server.given_up.notified()).await.unwrap();

    let (mut client, _connection) = http2(server.connect().await).await;
    let mut untaken = client.send_request(get("/test/endless")).await.unwrap();
    timeout(LONG, server.given_up.notified()).await.unwrap();
    // That answer alone: the connection goes on.
    assert_eq!(
        client
            .send_request(get("/health/live"))
            .await
            .unwrap()
            .status(),
        200
    );
    while let Some(Ok(_)) = untaken.frame().await {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_a_little_is_not() {
    let server = Server::start(|http| {
        http.limits.write_seconds = 2;
        http.limits.idle_seconds = 1;
        http.limits.header_seconds = 1;
    })
    .await;
    // The one answer is made as it is taken; the other was made at once, and only its client is slow.
    let (mut endless, mut large) = (slow_client(&server).await, slow_client(&server).await);
    ask(&mut endless, "/test/endless").await;
    ask(&mut large, "/test/large").await;
    let mut ticks = interval(Duration::from_millis(100));
    let mut bytes = vec![0; 64 << 10];
    let mut taken = 0;
    let silent = async {
        for _ in 0..5 {
            until_a_silent_connection_is_closed(&server).await;
        }
    };
    let reading = async {
        loop {
            ticks.tick().await;
            assert!(endless.read(&mut bytes).await.unwrap() > 0);
            taken += large.read(&mut bytes).await.unwrap();
        }
    };
    tokio::select! {
        () = silent => {}
        () = reading => {}
    }
    let rest = timeout(LONG, large.read_to_end(&mut bytes)).await.unwrap();
    assert!(
        taken + rest.unwrap() > LARGE,
        "the head and all of the body"
    );
}

/// A connection that takes little at once.
async fn slow_client(server: &Server) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    socket.connect(server.address).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_may_be_large_but_not_too_large() {
    let server = Server::start(|_| {}).await;
    let head = |headers: usize, bytes: usize| {
        let mut head = "GET /health/live HTTP/1.1\r\nhost: portolan\r\n".to_owned();
        for number in 1..headers {
            head.extend(["x-", &number.to_string(), ": ", &"x".repeat(bytes), "\r\n"]);
        }
        head + "\r\n"
    };
    for (headers, bytes, status) in [
        (100, 10, 200),
        (101, 10, 431),
        (4, 20_000, 200),
        (4, 23_000, 431),
    ] {
        let mut stream = server.connect().await;
        stream
            .write_all(head(headers, bytes).as_bytes())
            .await
            .unwrap();
        assert_eq!(
            answer(&mut stream).await.0,
            status,
            "{headers} headers of {bytes} bytes"
        );
    }
    let (mut client, _connection) = http2(server.connect().await).await;
    for (headers, status) in [(50, 200), (150, 431)] {
        let mut request = get("/health/live");
        for number in 0..headers {
            let name: hyper::header::HeaderName = format!("x-{number}").parse().unwrap();
            request.headers_mut().insert(name, "x".parse().unwrap());
        }
        assert_eq!(client.send_request(request).await.unwrap().status(), status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_come_is_a_408() {
    let server = Server::start(|http| http.limits.body_seconds = 1).await;
    let admin = add_key(&server.state, "admin", Role::Admin, &[]).await;
    let post = async |path: &str, kind: &str, body: &str| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: portolan\r\nauthorization: Bearer {admin}\r\n\
             content-type: {kind}\r\ncontent-length: 17\r\n\r\n{body}"
        );
        let mut stream = server.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        answer(&mut stream).await
    };
    assert_eq!(
        post("/owners", "application/json", "{\"key\": \"a-b_c1\"}")
            .await
            .0,
        200
    );
    let (status, body) = post("/owners", "application/json", "{\"key\"").await;
    assert_eq!(status, 408);
    assert!(
        body.contains("urn:portolan:problem:request-timeout"),
        "{body}"
    );
    for kind in ["application/zip", "multipart/form-data; boundary=X"] {
        let (status, body) = post("/owners/a-b_c1/imports", kind, "PK").await;
        assert_eq!(status, 408, "{body}");
        assert!(body.contains("\"stage\":\"receive\""), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_that_hangs_is_a_503_and_an_import_is_not() {
    let server = Server::start(|http| http.limits.request_seconds = 1).await;
    let mut import = server.connect().await;
    let head = "POST /limited/owners/acme/imports HTTP/1.1\r\nhost: portolan\r\n\
                content-length: 0\r\n\r\n";
    import.write_all(head.as_bytes()).await.unwrap();
    let mut hanging = server.connect().await;
    let (status, body) = fetch(&mut hanging, "/limited/gated").await;
    assert_eq!(status, 503);
    assert!(body.contains("urn:portolan:problem:timed-out"), "{body}");
    server.gate.add_permits(1);
    assert_eq!(answer(&mut import).await, (200, "done".to_owned()));
}
