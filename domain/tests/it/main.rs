//! One binary for all integration tests of the domain: rules of the manifest format, each with the
//! reason that a refusal gives. Everything is made in code; nothing here can expire.

mod anchor_status;
mod archive_entries;
mod archive_layout;
mod archive_names;
mod bombs;
mod content_certificates;
mod content_entitlements;
mod content_header;
mod content_json;
mod limits;
mod properties;
mod support;
mod verify_issued;
mod verify_legacy;
mod verify_scheme;
mod verify_settings;
mod zips;
