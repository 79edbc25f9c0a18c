//! The registry behind the gateway, and how its content gets to clients.

use serde::{Deserialize, Serialize};
use url::Url;

use super::{GatewayConfig, invalid};
use crate::config::ConfigError;

/// How content gets to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GatewayMode {
    /// Through the gateway, streamed.
    #[default]
    Proxy,
    /// Where the registry redirects the gateway to.
    Follow,
    /// From the registry itself.
    Redirect,
}

impl GatewayConfig {
    /// The registry's base URL, without `/` at its end; none where there is no registry.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`].
    pub fn upstream_url(&self) -> Result<Option<Url>, ConfigError> {
        let url = self.upstream.as_deref();
        url.map(|url| base_url("gateway.upstream", url)).transpose()
    }
}

/// An absolute web URL without user, query and fragment.
pub(super) fn base_url(key: &'static str, text: &str) -> Result<Url, ConfigError> {
    // A password may stand in it, so it is not quoted.
    let url = Url::parse(text).map_err(|error| invalid(key, format!("is no URL: {error}")))?;
    let plain = url.username().is_empty() && url.password().is_none();
    let bare = url.query().is_none() && url.fragment().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && plain && bare {
        return Ok(url);
    }
    let why = "must be an http or https URL without user, query or fragment, such as https://registry.internal:5000";
    Err(invalid(key, why))
}

pub(super) fn check_files(config: &GatewayConfig) -> Result<(), ConfigError> {
    let (certificate, key) = (
        &config.upstream_client_cert_file,
        &config.upstream_client_key_file,
    );
    match (certificate, key) {
        (Some(_), None) => {
            let why = "is missing beside gateway.upstream_client_cert_file";
            Err(invalid("gateway.upstream_client_key_file", why))
        }
        (None, Some(_)) => {
            let why = "is missing beside gateway.upstream_client_key_file";
            Err(invalid("gateway.upstream_client_cert_file", why))
        }
        _ => Ok(()),
    }
}
