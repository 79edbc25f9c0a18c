//! The limits of a manifest: enforced while reading, never taken from what a header claims.

use serde::{Deserialize, Serialize};

/// How much of what an upload may hold. Bytes, unless named otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The upload itself; over it is a 413, every other limit is a refused archive.
    pub upload_bytes: u64,
    /// All that is unpacked, the inner archive included.
    pub unpacked_bytes: u64,
    /// Entries in the inner archive's directory (a count).
    pub entries: u64,
    /// One JSON entry, or a text kept as it came.
    pub json_bytes: u64,
    /// `export/scheme.json`.
    pub scheme_bytes: u64,
    /// The `signature` entry.
    pub signature_bytes: u64,
    /// Path components of a name, the file name counted (a count).
    pub path_depth: u64,
    /// One entry's name.
    pub name_bytes: u64,
    /// The message that Ed25519 and ML-DSA take at once, in memory.
    pub oneshot_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            upload_bytes: 512 << 20,
            unpacked_bytes: 4 << 30,
            entries: 500_000,
            json_bytes: 16 << 20,
            scheme_bytes: 64 << 10,
            signature_bytes: 16 << 10,
            path_depth: 8,
            name_bytes: 512,
            oneshot_bytes: 128 << 20,
        }
    }
}
