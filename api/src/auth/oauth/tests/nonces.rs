//! No request counts twice, whatever the clock does, and memory has an end.

use std::{sync::Barrier, thread, time::Duration};

use super::{Client, NOW, SECRET, URL, at};
use crate::auth::oauth::{Nonces, OAuthError, OAuthRequest};

fn request(key: &str, timestamp: i64, nonce: &str) -> OAuthRequest {
    let client = Client {
        key,
        secret: SECRET,
        nonce,
        timestamp,
    };
    client.sign("GET", URL, &[])
}

/// A request that was verified when it was signed, and is remembered at `now`.
fn remember(
    nonces: &Nonces,
    request: &OAuthRequest,
    timestamp: i64,
    now: i64,
) -> Result<(), OAuthError> {
    let verified = request.verify(
        &axum::http::Method::GET,
        URL,
        SECRET.as_bytes(),
        at(timestamp),
    );
    nonces.remember(verified.unwrap(), at(now))
}

fn send(
    nonces: &Nonces,
    key: &str,
    timestamp: i64,
    nonce: &str,
    now: i64,
) -> Result<(), OAuthError> {
    remember(nonces, &request(key, timestamp, nonce), timestamp, now)
}

#[test]
fn a_request_counts_once_and_its_neighbours_too() {
    let nonces = Nonces::default();
    for (key, timestamp, nonce) in [
        ("a", NOW, "bc"),
        ("ab", NOW, "c"),
        ("a", NOW + 1, "bc"),
        ("a", NOW, "c"),
        ("A", NOW, "bc"),
    ] {
        send(&nonces, key, timestamp, nonce, NOW).unwrap();
        let again = send(&nonces, key, timestamp, nonce, NOW + 300);
        assert!(matches!(again, Err(OAuthError::Replayed)));
    }
}

#[test]
fn a_replay_is_refused_to_the_end_of_the_window_and_behind_it() {
    for signed in [NOW - 300, NOW, NOW + 300] {
        let nonces = Nonces::default();
        send(&nonces, "a", signed, "n", NOW).unwrap();
        let last = send(&nonces, "a", signed, "n", signed + 300);
        assert!(matches!(last, Err(OAuthError::Replayed)));
        let behind = send(&nonces, "a", signed, "n", signed + 301);
        assert!(matches!(behind, Err(OAuthError::Timestamp { .. })));
    }
}

#[test]
fn a_clock_that_is_set_back_lets_no_replay_in() {
    let nonces = Nonces::default();
    send(&nonces, "a", NOW, "n", NOW).unwrap();
    // Another request drops what is out of the window by the clock of then.
    send(&nonces, "a", NOW + 400, "n", NOW + 400).unwrap();
    let replay = send(&nonces, "a", NOW, "n", NOW + 100);
    assert!(matches!(replay, Err(OAuthError::Timestamp { .. })));
    // What is newer than all that was dropped still counts: one wrong clock does not end the service.
    send(&nonces, "a", NOW + 1, "n", NOW + 100).unwrap();
}

#[test]
fn what_does_not_fit_is_refused_until_there_is_room() {
    let nonces = Nonces::new(4);
    send(&nonces, "a", NOW - 300, "1", NOW).unwrap();
    send(&nonces, "b", NOW - 100, "1", NOW).unwrap();
    send(&nonces, "b", NOW, "1", NOW).unwrap();
    let third = send(&nonces, "b", NOW, "2", NOW);
    let until = Duration::from_secs(201);
    assert!(matches!(third, Err(OAuthError::ConsumerFull { retry_after }) if retry_after == until));
    send(&nonces, "c", NOW, "1", NOW).unwrap();
    let fifth = send(&nonces, "d", NOW, "1", NOW);
    let until = Duration::from_secs(1);
    assert!(matches!(fifth, Err(OAuthError::Full { retry_after }) if retry_after == until));
    // Nothing was forgotten for it.
    for (key, timestamp) in [("a", NOW - 300), ("b", NOW - 100), ("b", NOW), ("c", NOW)] {
        let replay = send(&nonces, key, timestamp, "1", NOW);
        assert!(matches!(replay, Err(OAuthError::Replayed)));
    }
    send(&nonces, "d", NOW, "1", NOW + 1).unwrap();
    let again = send(&nonces, "b", NOW, "2", NOW + 200);
    assert!(matches!(
        again,
        Err(OAuthError::ConsumerFull { .. } | OAuthError::Full { .. })
    ));
    send(&nonces, "b", NOW, "2", NOW + 201).unwrap();
}

#[test]
fn of_the_same_request_at_the_same_time_one_counts() {
    let nonces = Nonces::default();
    let request = request("a", NOW, "n");
    let start = Barrier::new(8);
    let counted = thread::scope(|scope| {
        let one = || {
            start.wait();
            remember(&nonces, &request, NOW, NOW).is_ok()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .filter(|ok| *ok)
            .count()
    });
    assert_eq!(counted, 1);
}
