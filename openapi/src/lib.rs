//! The OpenAPI document as it is committed: what clients in other languages are generated from.
//!
//! `cargo run -p portolan-openapi` writes it again; a test fails where it is not what the code says.

use std::path::PathBuf;

/// Where the committed document is.
#[must_use]
pub fn committed_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("openapi.json")
}

/// The document that the code describes, as it is written.
///
/// # Errors
/// Where it cannot be written as JSON.
pub fn generate() -> serde_json::Result<String> {
    Ok(portolan::router::document().to_pretty_json()? + "\n")
}
