//! Where signed messages go: what the sections of their receivers check alike.

use std::path::Path;

use url::{Host, Url};
use zeroize::Zeroizing;

use super::ConfigError;
use crate::webhook::SigningKey;

/// What the keys of a section are called.
pub(super) struct SignedTarget {
    pub url: &'static str,
    pub secret: &'static str,
    pub secret_file: &'static str,
    /// Allows plain `http` beyond loopback; none where nothing does.
    pub allow_http: Option<&'static str>,
}

impl SignedTarget {
    /// Reads the secret from its file, where it has one.
    pub fn read_secret(
        &self,
        secret: &mut Option<Zeroizing<String>>,
        file: Option<&Path>,
    ) -> Result<(), ConfigError> {
        let Some(file) = file else {
            return Ok(());
        };
        let key = self.secret_file;
        if secret.is_some() {
            let why = "give either the secret or the file that holds it, not both".to_owned();
            return Err(ConfigError::Invalid { key, why });
        }
        let text = std::fs::read_to_string(file).map(Zeroizing::new);
        let text = text.map_err(|error| ConfigError::Invalid {
            key,
            why: format!("{} cannot be read: {error}", file.display()),
        })?;
        *secret = Some(Zeroizing::new(text.trim().to_owned()));
        Ok(())
    }

    /// What messages are signed with.
    pub fn signing_key(
        &self,
        secret: Option<&Zeroizing<String>>,
    ) -> Result<SigningKey, ConfigError> {
        let invalid = |why: String| ConfigError::Invalid {
            key: self.secret,
            why,
        };
        let secret = secret.ok_or_else(|| {
            let file = self.secret_file;
            invalid(format!(
                "is missing: messages are signed. Set it, or {file}"
            ))
        })?;
        SigningKey::parse(secret).map_err(|why| invalid(why.to_owned()))
    }

    /// Where messages go.
    pub fn url(&self, url: &str, is_http_allowed: bool) -> Result<Url, ConfigError> {
        let invalid = |why: String| ConfigError::Invalid { key: self.url, why };
        let url = Url::parse(url).map_err(|_| invalid("is no URL".to_owned()))?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(invalid("must have no user and no fragment".to_owned()));
        }
        let loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(invalid("names no host".to_owned())),
        };
        match url.scheme() {
            "https" => Ok(url),
            "http" if loopback || is_http_allowed => Ok(url),
            "http" => {
                let way = self
                    .allow_http
                    .map(|key| format!(". Set {key} = true where the network keeps others away"));
                let why = "must be https: anybody between could read and replay what is sent, and \
                           answer himself"
                    .to_owned();
                let why = why + &way.unwrap_or_default();
                Err(invalid(why))
            }
            _ => Err(invalid("must be an https URL".to_owned())),
        }
    }
}

/// A URL without its path, for people and logs: that of some receivers is a secret in itself.
pub(super) fn shown(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    Some(format!("{}/…", url.origin().ascii_serialization()))
}
