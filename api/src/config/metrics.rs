//! `[metrics]`: a port for scrapers.

use std::net::{SocketAddr, ToSocketAddrs};

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[metrics]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// Address and port that answer `/metrics` without a credential; none where it is left out.
    pub listen: Option<String>,
    /// Allows it beyond loopback, where whoever reaches the port reads the owners' keys.
    pub insecure: bool,
}

impl MetricsConfig {
    /// The address to listen on, where there is one.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] where it is none.
    pub fn address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        let Some(listen) = &self.listen else {
            return Ok(None);
        };
        let found = listen
            .to_socket_addrs()
            .ok()
            .and_then(|mut found| found.next());
        found.map(Some).ok_or_else(|| {
            invalid(format!(
                "{listen:?} is no address and port, such as 127.0.0.1:9464"
            ))
        })
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self.address()? {
            Some(address) if !address.ip().is_loopback() && !self.insecure => {
                Err(invalid(format!(
                    "{address} is beyond loopback, and needs no credential: whoever reaches it reads the \
                 keys of all owners. Set metrics.insecure = true where the network keeps others away"
                )))
            }
            _ => Ok(()),
        }
    }
}

fn invalid(why: String) -> ConfigError {
    let key = "metrics.listen";
    ConfigError::Invalid { key, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_loopback_needs_a_word() {
        let config = |listen: &str, insecure| MetricsConfig {
            listen: Some(listen.to_owned()),
            insecure,
        };
        assert!(MetricsConfig::default().check().is_ok());
        assert!(config("127.0.0.1:0", false).check().is_ok());
        assert!(config("[::1]:9464", false).check().is_ok());
        let refused = config("0.0.0.0:9464", false)
            .check()
            .unwrap_err()
            .to_string();
        assert!(refused.contains("metrics.insecure"), "{refused}");
        assert!(config("0.0.0.0:9464", true).check().is_ok());
        assert!(config("nonsense", true).check().is_err());
    }
}
