//! `[http]`: where the service listens and what stands in front of it.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{ConfigError, HttpLimits, PublicUrl, TrustedProxies};

/// `[http]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: String,
    /// The URL at which clients see the service.
    pub public_url: Option<PublicUrl>,
    /// Prefixes under which all routes stand again, for existing clients.
    pub compat_prefixes: Vec<String>,
    /// Allows listening beyond loopback without TLS, behind a proxy that brings it.
    pub insecure: bool,
    /// The certificate chain of the service, PEM, its own first. With it the port speaks TLS alone.
    pub tls_cert_file: Option<PathBuf>,
    /// The certificate's private key, PEM.
    pub tls_key_file: Option<PathBuf>,
    /// The CAs, PEM, whose client certificates have a subject that counts.
    pub client_ca_file: Option<PathBuf>,
    /// Whose word about their clients is believed: the address in `X-Forwarded-For`, and the
    /// certificate in the header below.
    pub trusted_proxies: TrustedProxies,
    /// In which header a trusted proxy passes on its client's certificate.
    pub client_certificate_header: ClientCertificateHeader,
    /// Seconds that requests under way get to end when the service is told to stop.
    pub shutdown_grace_seconds: u64,
    /// What clients may take.
    pub limits: HttpLimits,
}

/// A header in which a proxy passes on its client's certificate. Certificates are public, so a proxy must
/// replace what its client wrote there: only the one that is set is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ClientCertificateHeader {
    /// `X-SSL-Client-Cert`: PEM, percent-encoded, as nginx writes `$ssl_client_escaped_cert`.
    #[default]
    #[serde(rename = "X-SSL-Client-Cert")]
    Pem,
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    #[serde(rename = "Client-Cert")]
    Standard,
    /// None: a trusted proxy tells addresses alone.
    #[serde(rename = "none")]
    None,
}

/// Where certificate and key are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsPaths<'a> {
    /// `http.tls_cert_file`.
    pub certificate: &'a Path,
    /// `http.tls_key_file`.
    pub key: &'a Path,
}

/// The first parts of the service's own paths: a prefix beginning so would hide them.
const OWN_PATHS: [&str; 10] = [
    "/audit",
    "/docs",
    "/entitlements",
    "/expirations",
    "/health",
    "/metrics",
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
            public_url: None,
            insecure: false,
            tls_cert_file: None,
            tls_key_file: None,
            client_ca_file: None,
            trusted_proxies: TrustedProxies::default(),
            client_certificate_header: ClientCertificateHeader::default(),
            shutdown_grace_seconds: 30,
            limits: HttpLimits::default(),
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

    /// The files for TLS, where it is on.
    #[must_use]
    pub fn tls(&self) -> Option<TlsPaths<'_>> {
        let certificate = self.tls_cert_file.as_deref()?;
        let key = self.tls_key_file.as_deref()?;
        Some(TlsPaths { certificate, key })
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let invalid = |key, why: String| Err(ConfigError::Invalid { key, why });
        match (&self.tls_cert_file, &self.tls_key_file) {
            (Some(_), None) => {
                let why = "is missing: TLS needs it beside http.tls_cert_file".to_owned();
                return invalid("http.tls_key_file", why);
            }
            (None, Some(_)) => {
                let why = "is missing: TLS needs it beside http.tls_key_file".to_owned();
                return invalid("http.tls_cert_file", why);
            }
            _ => {}
        }
        let address = self.address()?;
        if !address.ip().is_loopback() && !self.insecure && self.tls().is_none() {
            let why = format!(
                "{address} is beyond loopback, and without TLS API keys and private keys would \
                 travel in the clear. Set http.tls_cert_file and http.tls_key_file; or put a proxy \
                 with TLS in front, and set http.insecure = true"
            );
            return invalid("http.listen", why);
        }
        self.limits.check()?;
        self.check_prefixes()
    }

    fn check_prefixes(&self) -> Result<(), ConfigError> {
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
