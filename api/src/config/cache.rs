//! `[cache]`: what answers from memory.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// The smallest cache: less holds hardly an answer.
const LEAST: u64 = 1 << 20;

/// `[cache]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// Bytes of answers about entitlements in memory at most.
    pub entitlement_bytes: u64,
    /// For how long answers go on, marked, while the database is away.
    pub stale_if_error_seconds: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            entitlement_bytes: 256 << 20,
            stale_if_error_seconds: 86_400,
        }
    }
}

impl CacheConfig {
    /// For how long answers go on while the database is away.
    #[must_use]
    pub fn stale_if_error(&self) -> Duration {
        Duration::from_secs(self.stale_if_error_seconds)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.entitlement_bytes >= LEAST {
            return Ok(());
        }
        let (key, why) = (
            "cache.entitlement_bytes",
            "must be at least 1048576".to_owned(),
        );
        Err(ConfigError::Invalid { key, why })
    }
}
