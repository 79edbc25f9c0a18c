//! `[access]`: how often somebody may try, and where OAuth nonces are remembered. `[audit]`: the log
//! of who did what.

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[access]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessConfig {
    /// Credentials that do not count, from one address, before it must wait. One that does count
    /// gives one back.
    pub failed_credentials: NonZeroU32,
    /// How many of them come back in a minute.
    pub failed_credentials_per_minute: NonZeroU32,
    /// Changes that one principal may ask for at once.
    pub writes: NonZeroU32,
    /// How many of them come back in a second.
    pub writes_per_second: NonZeroU32,
    /// Requests in a second that one principal may send, of any kind; 0 for any number.
    pub requests_per_second: u32,
    /// Whether all nodes remember OAuth nonces together: a write for every signed request.
    pub shared_nonces: bool,
}

/// `[audit]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// What this node's part of the audit log is called; the machine's name where it is left out.
    pub node: Option<String>,
}

const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self {
            failed_credentials: at_least_one(200),
            failed_credentials_per_minute: at_least_one(200),
            writes: at_least_one(5000),
            writes_per_second: at_least_one(500),
            requests_per_second: 0,
            shared_nonces: false,
        }
    }
}

impl AccessConfig {
    /// In which time a failed credential is forgiven.
    #[must_use]
    pub fn forgiven_after(&self) -> Duration {
        Duration::from_mins(1) / self.failed_credentials_per_minute.get()
    }

    /// In which time a write comes back.
    #[must_use]
    pub fn write_after(&self) -> Duration {
        Duration::from_secs(1) / self.writes_per_second.get()
    }
}

impl AuditConfig {
    pub(super) fn resolve(&mut self) -> Result<(), ConfigError> {
        let machine = || {
            let name = rustix::system::uname();
            name.nodename().to_string_lossy().into_owned()
        };
        let node = self.node.get_or_insert_with(machine);
        if node.is_empty() || node.chars().count() > 64 || node.contains(char::is_control) {
            return Err(ConfigError::Invalid {
                key: "audit.node",
                why: "must be 1 to 64 printable characters".to_owned(),
            });
        }
        Ok(())
    }

    /// What this node is called.
    #[must_use]
    pub fn node(&self) -> &str {
        self.node.as_deref().unwrap_or("portolan")
    }
}
