//! `[export]`: how many exports run, and go out, at once.

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[export]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExportConfig {
    /// Exports that are made at once; more wait up to 30 s.
    pub concurrent: usize,
    /// Exports that are here at once, until their clients have taken them; more wait up to 30 s. Each
    /// takes as much disk as its archive has bytes.
    pub sending: usize,
    /// Exports of one owner that are here at once.
    pub sending_per_owner: usize,
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self {
            concurrent: 2,
            sending: 32,
            sending_per_owner: 4,
        }
    }
}

impl ExportConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (key, value) in [
            ("export.concurrent", self.concurrent),
            ("export.sending", self.sending),
            ("export.sending_per_owner", self.sending_per_owner),
        ] {
            if value == 0 {
                let why = "must be at least 1".to_owned();
                return Err(ConfigError::Invalid { key, why });
            }
        }
        Ok(())
    }
}
