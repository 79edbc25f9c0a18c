//! What a batch changed.

use portolan_storage::BatchCounts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a batch changed: its lines by what became of them, and what was not in it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchResult {
    /// New ones.
    pub created: u64,
    /// Those that are otherwise now.
    pub updated: u64,
    /// Those that were so already.
    pub unchanged: u64,
    /// Those that were not in it.
    pub removed: u64,
}

impl From<BatchCounts> for BatchResult {
    fn from(counts: BatchCounts) -> Self {
        Self {
            created: counts.created,
            updated: counts.updated,
            unchanged: counts.unchanged,
            removed: counts.removed,
        }
    }
}
