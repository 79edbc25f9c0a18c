//! Spans as a collector gets them: from a real process, over HTTP, below what its caller does.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, routing::post};
use tokio::net::TcpListener;

use super::desk::{Desk, serve_with, terminate};

type Bodies = Arc<Mutex<Vec<u8>>>;

/// A collector that keeps what it is sent.
async fn collector() -> (String, Bodies) {
    let bodies = Bodies::default();
    let keep = |State(bodies): State<Bodies>, body: Bytes| async move {
        bodies.lock().unwrap().extend_from_slice(&body);
    };
    let routes = Router::new()
        .route("/v1/traces", post(keep))
        .with_state(bodies.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (format!("http://{address}"), bodies)
}

fn has(bodies: &Bodies, wanted: &[u8]) -> bool {
    let bodies = bodies.lock().unwrap();
    bodies.windows(wanted.len()).any(|part| part == wanted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_the_spans_of_what_its_caller_traces() {
    let (endpoint, bodies) = collector().await;
    let desk = Desk::new();
    let settings = [
        ("PORTOLAN__TRACING__OTLP_ENDPOINT", endpoint.as_str()),
        ("PORTOLAN__TRACING__SERVICE_NAME", "portolan-under-test"),
        ("PORTOLAN__TRACING__SAMPLE_RATIO", "0"),
    ];
    let (mut server, url) = serve_with(&desk, &settings).await;
    let client = reqwest::Client::new();
    let ask = |trace: &str, sampled: &str| {
        let parent = format!("00-{trace}-00f067aa0ba902b7-{sampled}");
        client
            .get(format!("{url}/owners"))
            .header("traceparent", parent)
            .send()
    };
    let traced = "4bf92f3577b34da6a3ce929d0e0e4736";
    let left_alone = "0af7651916cd43dd8448eb211c80319c";
    assert_eq!(ask(traced, "01").await.unwrap().status(), 401);
    assert_eq!(ask(left_alone, "00").await.unwrap().status(), 401);
    // None of these has a caller that traces, and the ratio is none.
    assert_eq!(
        client
            .get(format!("{url}/owners"))
            .send()
            .await
            .unwrap()
            .status(),
        401
    );
    terminate(&server);
    assert!(server.wait().await.unwrap().success());
    // What was left was sent before it ended.
    let bytes = |hex: &str| {
        let pairs = hex.as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        pairs.map(byte).collect::<Vec<u8>>()
    };
    assert!(
        has(&bodies, &bytes(traced)),
        "the trace that was asked for is not there"
    );
    assert!(
        has(&bodies, &bytes("00f067aa0ba902b7")),
        "it is below no span"
    );
    assert!(
        !has(&bodies, &bytes(left_alone)),
        "the caller's decision does not count"
    );
    assert!(has(&bodies, b"portolan-under-test"));
    assert!(
        has(&bodies, b"/owners"),
        "the span does not say what was asked"
    );
}
