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
mod batches;
mod cas;
mod cdn_checks;
mod cdns;
mod certificates;
mod cli;
mod cli_access;
mod cli_cdns;
mod cli_entitlements;
mod cli_gateway;
mod cli_grants;
mod cli_repos;
mod cli_signing;
mod cli_tokens;
mod client_certificates;
mod credentials;
mod db_copy;
mod desk;
mod dialect;
mod downstream;
mod dry_run;
mod edge_cdn_info;
mod edge_headers;
mod edges;
mod expirations;
mod exports;
mod exports_content;
mod exports_keys;
mod fake_authority;
mod fake_cdn;
mod fake_registry;
mod fixtures;
mod gateway;
mod gateway_content;
mod gateway_logins;
mod gateway_tokens;
mod grant_batches;
mod grants;
mod imports;
mod jobs;
mod kill;
mod manifests;
mod many;
mod metrics;
mod oauth;
mod outage;
mod owner_cdns;
mod owners;
mod problems;
mod read_path;
mod receiver;
mod ref_tokens;
mod ref_tokens_asked;
mod repos;
mod restores;
mod revocation_nodes;
mod revocations;
mod signed_urls;
mod signing_keys;
mod slow;
mod support;
mod tls;
mod token_attacks;
mod token_ids;
mod token_oauth;
mod token_subset;
mod tokens;
mod tracing;
mod webhook;
mod wire;
mod work_figures;
