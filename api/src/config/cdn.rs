//! `[cdn]`: what the service itself may connect to when an operator checks a CDN.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CheckAllow, ConfigError};

/// `[cdn]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CdnConfig {
    /// The hosts and networks that a check may connect to; nothing by default.
    pub check_allow: CheckAllow,
    /// How long a check may take.
    pub check_timeout_seconds: u64,
}

impl Default for CdnConfig {
    fn default() -> Self {
        Self {
            check_allow: CheckAllow::default(),
            check_timeout_seconds: 10,
        }
    }
}

impl CdnConfig {
    /// A check that outlasts its request would never be told.
    pub(super) fn check(&self, request_seconds: u64) -> Result<(), ConfigError> {
        if (1..request_seconds).contains(&self.check_timeout_seconds) {
            return Ok(());
        }
        Err(ConfigError::Invalid {
            key: "cdn.check_timeout_seconds",
            why: "must be at least 1, and less than http.limits.request_seconds".to_owned(),
        })
    }

    /// How long a check may take.
    #[must_use]
    pub fn check_timeout(&self) -> Duration {
        Duration::from_secs(self.check_timeout_seconds)
    }
}
