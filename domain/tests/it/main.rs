//! One binary for all integration tests of the domain: rules of the manifest format, each with the
//! reason that a refusal gives. Everything is made in code; nothing here can expire.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed; helpers outside test functions too"
)]

mod anchor_status;
mod archive_entries;
mod archive_layout;
mod archive_names;
mod bombs;
mod client_certificates;
mod content_certificates;
mod content_entitlements;
mod content_header;
mod content_json;
mod content_keys;
mod distinguished_names;
mod edge_access;
mod edge_uris;
mod gateway;
mod gateway_directory;
mod grants;
mod limits;
mod properties;
mod ref_token_portions;
mod seeds;
mod signed_urls;
mod support;
mod token_narrowing;
mod token_properties;
mod token_revocation;
mod verify_issued;
mod verify_legacy;
mod verify_scheme;
mod verify_settings;
mod zips;
