//! The service over HTTP, as a client sees it: a real server on loopback, on both engines.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must stop at once, and say where"
)]

mod access;
mod answers;
mod audit;
mod cas;
mod certificates;
mod cli;
mod cli_access;
mod client_certificates;
mod credentials;
mod desk;
mod exports;
mod exports_content;
mod exports_keys;
mod fixtures;
mod imports;
mod kill;
mod manifests;
mod many;
mod oauth;
mod outage;
mod owners;
mod problems;
mod slow;
mod support;
mod tls;
mod wire;
