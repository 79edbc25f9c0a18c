//! `[jobs]`: imports that run without their client.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[jobs]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobsConfig {
    /// Days that a job is remembered after its end.
    pub keep_days: u32,
    /// Seconds without a word of a job's node, after which another one goes on with it.
    pub lease_seconds: u64,
    /// Jobs of one owner that may wait: each keeps its upload in the database.
    pub waiting_per_owner: u64,
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self {
            keep_days: 7,
            lease_seconds: 10,
            waiting_per_owner: 16,
        }
    }
}

impl JobsConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key, why: &str| {
            let why = why.to_owned();
            Err(ConfigError::Invalid { key, why })
        };
        if !(1..=3600).contains(&self.lease_seconds) {
            return wrong("jobs.lease_seconds", "must be 1 to 3600");
        }
        if !(1..=10_000).contains(&self.waiting_per_owner) {
            return wrong("jobs.waiting_per_owner", "must be 1 to 10000");
        }
        Ok(())
    }

    /// How long a node may say nothing of a job.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }

    /// How long a job is remembered.
    #[must_use]
    pub fn keep(&self) -> time::Duration {
        time::Duration::days(i64::from(self.keep_days))
    }
}
