//! Storage on both engines: every test runs on a SQLite file and on a real PostgreSQL.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; helpers outside test functions too"
)]

mod audit;
mod cdn_info;
mod cdn_signing;
mod cdns;
mod changes;
mod copy;
mod credentials;
mod downstream;
mod downstream_batch;
mod exports;
mod feed;
mod gateway;
mod gateway_tokens;
mod grants;
mod import_conflicts;
mod import_content;
mod import_dry_run;
mod import_parallel;
mod import_reconcile;
mod import_records;
mod import_whole;
mod outbox;
mod owners;
mod raw;
mod repos;
mod revocations;
mod rotation;
mod schema;
mod sealing;
mod signing_keys;
mod support;
mod token_keys;
mod undo;
mod uploads;
mod upstream_cas;
