//! The rows, as the migrations made them. They never leave this crate.

pub mod api_key_owners;
pub mod api_keys;
pub mod audit_log;
pub mod audit_nodes;
pub mod cdns;
pub mod downstream_entitlements;
pub mod entitlement_ids;
pub mod entitlements;
pub mod expiry_notices;
pub mod exported_consumers;
pub mod generations;
pub mod grants;
pub mod imports;
pub mod instance_secrets;
pub mod issued_tokens;
pub mod jobs;
pub mod manifest_files;
pub mod oauth_nonces;
pub mod owners;
pub mod pools;
pub mod signing_keys;
pub mod upload_pieces;
pub mod uploads;
pub mod upstream_cas;
pub mod upstream_consumers;
pub mod webhook_outbox;
