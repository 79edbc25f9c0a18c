//! `[gateway.authority]`: who says whether a password is right, and what its user may pull.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{invalid, upstream::base_url};
use crate::config::ConfigError;

/// `[gateway.authority]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayAuthorityConfig {
    /// Who it is.
    pub kind: GatewayAuthorityKind,
    /// The content system's token endpoint.
    pub url: Option<String>,
    /// Where the content system says what a user may pull; left out: only what it feeds counts.
    pub repositories_url: Option<String>,
    /// The CAs, PEM, that its certificate must come from [default: the system's].
    pub ca_file: Option<PathBuf>,
    /// Seconds that an answer may take.
    pub timeout_seconds: u64,
}

/// Who knows the users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayAuthorityKind {
    /// This service: `portolan gateway user add`.
    #[default]
    Users,
    /// The content system.
    TokenEndpoint,
}

/// What is asked of the content system.
#[derive(Debug, Clone)]
pub struct TokenEndpoint {
    /// For a token.
    pub url: Url,
    /// For a user's repositories.
    pub repositories_url: Option<Url>,
    /// The CAs that its certificate must come from.
    pub ca_file: Option<PathBuf>,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl Default for GatewayAuthorityConfig {
    fn default() -> Self {
        Self {
            kind: GatewayAuthorityKind::default(),
            url: None,
            repositories_url: None,
            ca_file: None,
            timeout_seconds: 5,
        }
    }
}

impl GatewayAuthorityConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !(1..=20).contains(&self.timeout_seconds) {
            let why = "must be 1 to 20";
            return Err(invalid("gateway.authority.timeout_seconds", why));
        }
        self.token_endpoint().map(drop)
    }

    /// What is asked; none where this service knows the users.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`].
    pub fn token_endpoint(&self) -> Result<Option<TokenEndpoint>, ConfigError> {
        if self.kind == GatewayAuthorityKind::Users {
            return Ok(None);
        }
        let url = self.url.as_deref().ok_or_else(|| {
            let why = "is missing, and gateway.authority.kind is \"token_endpoint\": set the URL that is asked";
            invalid("gateway.authority.url", why)
        })?;
        let repositories_url = self.repositories_url.as_deref();
        let repositories_url =
            repositories_url.map(|url| private_url("gateway.authority.repositories_url", url));
        Ok(Some(TokenEndpoint {
            url: private_url("gateway.authority.url", url)?,
            repositories_url: repositories_url.transpose()?,
            ca_file: self.ca_file.clone(),
            timeout: Duration::from_secs(self.timeout_seconds),
        }))
    }
}

/// A URL to which passwords may be sent.
fn private_url(key: &'static str, text: &str) -> Result<Url, ConfigError> {
    let url = base_url(key, text)?;
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() == "https" || is_loopback {
        Ok(url)
    } else {
        let why = "must be https: users' passwords are sent there";
        Err(invalid(key, why))
    }
}
