//! `[http]`: where the service listens and what stands in front of it.

use std::net::{SocketAddr, ToSocketAddrs};

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[http]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: String,
    /// Prefixes under which all routes stand again, for existing clients.
    pub compat_prefixes: Vec<String>,
    /// Allows listening beyond loopback without TLS, behind a proxy that brings it.
    pub insecure: bool,
    /// Seconds that requests under way get to end when the service is told to stop.
    pub shutdown_grace_seconds: u64,
}

/// The first parts of the service's own paths: a prefix beginning so would hide them.
const OWN_PATHS: [&str; 7] = [
    "/docs",
    "/entitlements",
    "/health",
    "/openapi.json",
    "/owners",
    "/status",
    "/upstream_cas",
];

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7080".to_owned(),
            compat_prefixes: vec!["/candlepin".to_owned()],
            insecure: false,
            shutdown_grace_seconds: 30,
        }
    }
}

impl HttpConfig {
    /// The address to listen on.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] where it is none.
    pub fn address(&self) -> Result<SocketAddr, ConfigError> {
        let invalid = |why: String| ConfigError::Invalid {
            key: "http.listen",
            why,
        };
        let mut found = self.listen.to_socket_addrs().map_err(|error| {
            invalid(format!(
                "{:?} is no address and port ({error})",
                self.listen
            ))
        })?;
        found
            .next()
            .ok_or_else(|| invalid("names no address".to_owned()))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let address = self.address()?;
        if !address.ip().is_loopback() && !self.insecure {
            return Err(ConfigError::Invalid {
                key: "http.listen",
                why: format!(
                    "{address} is beyond loopback, and this service has no TLS: API keys and \
                     private keys would travel in the clear. Put a proxy with TLS in front, and \
                     set http.insecure = true"
                ),
            });
        }
        let mut seen = std::collections::BTreeSet::new();
        for prefix in &self.compat_prefixes {
            if !seen.insert(prefix) || OWN_PATHS.iter().any(|own| prefix.starts_with(own)) {
                return Err(ConfigError::Invalid {
                    key: "http.compat_prefixes",
                    why: format!("{prefix:?} is there twice, or is a path of the service's own"),
                });
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
            let usable = prefix.starts_with('/') && prefix.len() > 1 && !prefix.ends_with('/');
            if !usable || !prefix.chars().all(plain) || prefix.contains("//") {
                return Err(ConfigError::Invalid {
                    key: "http.compat_prefixes",
                    why: format!("{prefix:?} is no path like /candlepin"),
                });
            }
        }
        Ok(())
    }
}
