//! Many connections: one client's never keep another from its answer.

use std::{net::Ipv4Addr, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    process::Command,
    time::Instant,
};

use super::wire::{Server, fetch, until_closed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_silent_connections_keep_nobody_from_an_answer() {
    let server = Server::start(|http| {
        http.limits.connections = 600;
        http.limits.connections_per_address = Some(300);
        http.limits.header_seconds = 60;
    })
    .await;
    let mut silent = Vec::new();
    for number in 0..1000 {
        let mut stream = server.connect().await;
        if number % 2 == 0 {
            drop(stream.write_all(b"GET / HTTP/1.1\r\nx-slow: ").await);
        }
        silent.push(stream);
    }
    let begun = Instant::now();
    let mut other = server.connect_from_elsewhere().await;
    assert_eq!(fetch(&mut other, "/health/live").await.0, 200);
    assert!(begun.elapsed() < Duration::from_secs(5));
    // What is over an address's share is closed at once.
    until_closed(silent.last_mut().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_all_slots_are_taken_the_next_connection_waits() {
    let server = Server::start(|http| {
        http.limits.connections = 4;
        http.limits.connections_per_address = Some(4);
        http.limits.header_seconds = 1;
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(server.connect().await);
    }
    let mut other = server.connect_from_elsewhere().await;
    assert_eq!(fetch(&mut other, "/health/live").await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trusted_proxies_have_no_share() {
    let server = Server::start(|http| {
        http.limits.connections_per_address = Some(1);
        http.limits.header_seconds = 60;
        http.trusted_proxies = vec!["127.0.0.2".to_owned()].try_into().unwrap();
    })
    .await;
    let mut many = Vec::new();
    for _ in 0..5 {
        many.push(server.connect_from_elsewhere().await);
    }
    for stream in &mut many {
        assert_eq!(fetch(stream, "/health/live").await.0, 200);
    }
    let _first = server.connect().await;
    assert!(until_closed(&mut server.connect().await).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_never_more_connections_than_the_process_has_files_for() {
    let folder = tempfile::tempdir().unwrap();
    // The soft limit alone would not be enough for the service itself.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -Hn 128; ulimit -Sn 16; exec \"$0\" \"$@\""]);
    command.args([env!("CARGO_BIN_EXE_portolan"), "--data-dir", "data"]);
    command.args(["--listen", "127.0.0.1:0", "serve"]);
    command.current_dir(folder.path()).kill_on_drop(true);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut serving = command.spawn().unwrap();
    let mut lines = BufReader::new(serving.stdout.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().expect("it starts");
    let address = line
        .strip_prefix("listening on http://")
        .unwrap()
        .parse()
        .unwrap();
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind((Ipv4Addr::new(127, 0, 0, 2), 0).into())
        .unwrap();
    let mut other = socket.connect(address).await.unwrap();
    assert_eq!(fetch(&mut other, "/health/ready").await.0, 200);
}
