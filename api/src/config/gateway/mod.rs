//! `[gateway]`: the container gateway, its registry, and who says who its users are.

mod authority;
mod upstream;

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use self::upstream::base_url;
pub use self::{
    authority::{GatewayAuthorityConfig, GatewayAuthorityKind, TokenEndpoint},
    upstream::GatewayMode,
};
use super::{ConfigError, HttpConfig, PublicUrl};

/// `[gateway]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Address and port of a listener of the gateway's own; none where it is left out.
    pub listen: Option<String>,
    /// The registry's base URL.
    pub upstream: Option<String>,
    /// The CAs, PEM, that the registry's certificate must come from [default: the system's].
    pub upstream_ca_file: Option<PathBuf>,
    /// The certificate that the gateway shows the registry, PEM.
    pub upstream_client_cert_file: Option<PathBuf>,
    /// Its private key, PEM.
    pub upstream_client_key_file: Option<PathBuf>,
    /// How content gets to clients.
    pub mode: GatewayMode,
    /// Of the mode `follow`: where clients find what the registry redirects to.
    pub content_url: Option<PublicUrl>,
    /// What challenges name [default: the request's own origin].
    pub public_url: Option<PublicUrl>,
    /// The service that tokens are for [default: the host of `public_url`, else the request's].
    pub service: Option<String>,
    /// What tokens name as their issuer [default: as all tokens].
    pub issuer: Option<String>,
    /// What a token is.
    pub token_format: TokenFormat,
    /// What a token's `kid` is.
    pub kid_format: KidFormat,
    /// Seconds that a token counts.
    pub token_ttl: u64,
    /// Days that a refresh token counts.
    pub refresh_token_days: u64,
    /// The CAs, PEM, whose client certificates name hosts.
    pub host_ca_file: Option<PathBuf>,
    /// Bytes of a feed at most.
    pub feed_bytes: u64,
    /// `[gateway.authority]`.
    pub authority: GatewayAuthorityConfig,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenFormat {
    /// A text that stands for its user.
    #[default]
    Opaque,
    /// What a registry verifies itself.
    Jwt,
}

/// What a token's `kid` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KidFormat {
    /// libtrust's, for distribution 2.x.
    #[default]
    Libtrust,
    /// The key's thumbprint (RFC 7638), for distribution 3.x.
    Rfc7638,
}

const DAY: u64 = 86_400;

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            listen: None,
            upstream: None,
            upstream_ca_file: None,
            upstream_client_cert_file: None,
            upstream_client_key_file: None,
            mode: GatewayMode::default(),
            content_url: None,
            public_url: None,
            service: None,
            issuer: None,
            token_format: TokenFormat::default(),
            kid_format: KidFormat::default(),
            token_ttl: 3600,
            refresh_token_days: 90,
            host_ca_file: None,
            feed_bytes: 2 << 30,
            authority: GatewayAuthorityConfig::default(),
        }
    }
}

impl GatewayConfig {
    /// The address to listen on, where there is one.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] where it is none.
    pub fn address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        let Some(listen) = &self.listen else {
            return Ok(None);
        };
        let mut found = listen.to_socket_addrs().ok().into_iter().flatten();
        found.next().map(Some).ok_or_else(|| {
            let why = format!("{listen:?} is no address and port, such as 127.0.0.1:7081");
            invalid("gateway.listen", why)
        })
    }

    /// How long a token counts.
    #[must_use]
    pub fn token_lifetime(&self) -> Duration {
        Duration::from_secs(self.token_ttl)
    }

    /// How long a refresh token counts.
    #[must_use]
    pub fn refresh_lifetime(&self) -> Duration {
        Duration::from_secs(self.refresh_token_days * DAY)
    }

    /// The service that tokens are for, where that does not depend on the request.
    #[must_use]
    pub fn service(&self) -> Option<String> {
        let of_url = || {
            self.public_url
                .as_ref()
                .map(|url| host_of(url.as_str()).to_owned())
        };
        self.service.clone().or_else(of_url)
    }

    pub(super) fn check(&self, http: &HttpConfig) -> Result<(), ConfigError> {
        self.check_listener(http)?;
        if let Some(upstream) = &self.upstream {
            base_url("gateway.upstream", upstream)?;
        }
        upstream::check_files(self)?;
        self.check_tokens()?;
        self.authority.check()
    }

    fn check_listener(&self, http: &HttpConfig) -> Result<(), ConfigError> {
        match self.address()? {
            Some(address)
                if !address.ip().is_loopback() && http.tls().is_none() && !http.insecure =>
            {
                let why = format!(
                    "{address} is beyond loopback, and without TLS passwords and tokens would travel in the \
                     clear. Set http.tls_cert_file and http.tls_key_file; or put a proxy with TLS in front, \
                     and set http.insecure = true"
                );
                Err(invalid("gateway.listen", why))
            }
            _ => Ok(()),
        }
    }

    fn check_tokens(&self) -> Result<(), ConfigError> {
        // Clients take less for a minute (distribution's token specification).
        for (key, value, least, most) in [
            ("gateway.token_ttl", self.token_ttl, 60, DAY),
            (
                "gateway.refresh_token_days",
                self.refresh_token_days,
                1,
                3650,
            ),
        ] {
            if !(least..=most).contains(&value) {
                return Err(invalid(key, format!("must be {least} to {most}")));
            }
        }
        // What stands between quotes in a challenge, and in tokens.
        let is_plain = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\".contains(&byte);
            !text.is_empty() && text.bytes().all(plain)
        };
        for (key, text) in [
            ("gateway.service", &self.service),
            ("gateway.issuer", &self.issuer),
        ] {
            if text.as_deref().is_some_and(|text| !is_plain(text)) {
                let why = "must be printable ASCII without blanks, quotes and backslashes";
                return Err(invalid(key, why));
            }
        }
        if self.token_format == TokenFormat::Jwt && self.service().is_none() {
            let why = "is missing: a registry that verifies tokens itself has one service, and takes tokens for \
                       that alone. Set it, or gateway.public_url, to what the registry has as auth.token.service";
            return Err(invalid("gateway.service", why));
        }
        Ok(())
    }
}

/// The host and port of a web URL.
fn host_of(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    rest.split('/').next().unwrap_or(rest)
}

fn invalid(key: &'static str, why: impl Into<String>) -> ConfigError {
    let why = why.into();
    ConfigError::Invalid { key, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut GatewayConfig)) -> String {
        let mut config = GatewayConfig::default();
        change(&mut config);
        let refused = config.check(&HttpConfig::default());
        refused
            .err()
            .map_or(String::new(), |error| error.to_string())
    }

    #[test]
    fn what_cannot_work_is_refused_at_the_start() {
        assert_eq!(refused(|_| {}), "");
        for (part, change) in [
            (
                "gateway.listen",
                (|it| it.listen = Some("0.0.0.0:7081".to_owned())) as fn(&mut GatewayConfig),
            ),
            ("gateway.listen", |it| {
                it.listen = Some("nonsense".to_owned());
            }),
            ("gateway.upstream", |it| {
                it.upstream = Some("registry:5000".to_owned());
            }),
            ("gateway.upstream", |it| {
                it.upstream = Some("http://u:p@registry".to_owned());
            }),
            ("gateway.upstream_client_key_file", |it| {
                it.upstream_client_cert_file = Some("a".into());
            }),
            ("gateway.token_ttl", |it| it.token_ttl = 59),
            ("gateway.service", |it| it.service = Some("a b".to_owned())),
            ("gateway.service", |it| it.token_format = TokenFormat::Jwt),
            ("gateway.authority.url", |it| {
                it.authority.kind = GatewayAuthorityKind::TokenEndpoint;
            }),
        ] {
            let refused = refused(change);
            assert!(refused.starts_with(part), "{part}: {refused}");
        }
    }

    #[test]
    fn the_service_is_the_public_hosts() {
        let mut config = GatewayConfig::default();
        assert_eq!(config.service(), None);
        let url = "https://registry.example.com:8443/x".to_owned();
        config.public_url = Some(url.try_into().unwrap());
        assert_eq!(
            config.service().as_deref(),
            Some("registry.example.com:8443")
        );
        config.service = Some("s".to_owned());
        assert_eq!(config.service().as_deref(), Some("s"));
    }
}
