//! The configuration: defaults, then a TOML file, then `PORTOLAN__SECTION__KEY`, then flags.
//!
//! Unknown keys are errors, and an error names the key and where it came from.

mod access;
mod authority;
mod cache;
mod cdn;
mod check_allow;
mod database;
mod export;
mod gateway;
mod http;
mod http_limits;
mod import;
mod jobs;
mod log;
mod metrics;
mod public_url;
mod secrets;
mod signed_target;
mod tokens;
mod tracing;
mod trusted_proxies;
mod webhook;

use std::path::{Path, PathBuf};

use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::{
    access::{AccessConfig, AuditConfig},
    authority::{AuthorityWebhookConfig, TokenAuthority},
    cache::CacheConfig,
    cdn::CdnConfig,
    check_allow::CheckAllow,
    database::DatabaseConfig,
    export::ExportConfig,
    gateway::{
        GatewayAuthorityConfig, GatewayAuthorityKind, GatewayConfig, GatewayMode, KidFormat,
        TokenEndpoint, TokenFormat,
    },
    http::{ClientCertificateHeader, HttpConfig, TlsPaths},
    http_limits::HttpLimits,
    import::{AnchorConfig, ImportConfig},
    jobs::JobsConfig,
    log::{LogConfig, LogFormat},
    metrics::MetricsConfig,
    public_url::PublicUrl,
    secrets::SecretsConfig,
    tokens::TokensConfig,
    tracing::TracingConfig,
    trusted_proxies::TrustedProxies,
    webhook::{WebhookConfig, WebhookEvent},
};

/// The file that is read from the data directory where there is one.
const FILE: &str = "portolan.toml";

/// The whole configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[http]`.
    pub http: HttpConfig,
    /// `[database]`.
    pub database: DatabaseConfig,
    /// `[secrets]`.
    pub secrets: SecretsConfig,
    /// `[access]`.
    pub access: AccessConfig,
    /// `[audit]`.
    pub audit: AuditConfig,
    /// `[import]`.
    pub import: ImportConfig,
    /// `[export]`.
    pub export: ExportConfig,
    /// `[jobs]`.
    pub jobs: JobsConfig,
    /// `[cache]`.
    pub cache: CacheConfig,
    /// `[cdn]`.
    pub cdn: CdnConfig,
    /// `[tokens]`.
    pub tokens: TokensConfig,
    /// `[gateway]`.
    pub gateway: GatewayConfig,
    /// `[log]`.
    pub log: LogConfig,
    /// `[metrics]`.
    pub metrics: MetricsConfig,
    /// `[tracing]`.
    pub tracing: TracingConfig,
    /// `[webhook]`.
    pub webhook: WebhookConfig,
}

/// What the command line says, which counts over everything else.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--database-url`.
    pub database_url: Option<String>,
    /// `--listen`.
    pub listen: Option<String>,
    /// `--upstream-ca-dir`.
    pub upstream_ca_dir: Option<PathBuf>,
}

/// A configuration that cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A key or value that cannot be read.
    #[error("{0}")]
    Unreadable(Box<figment::Error>),
    /// A value that makes no sense.
    #[error("{key}: {why}")]
    Invalid {
        /// The key, `section.key`.
        key: &'static str,
        /// What is wrong and what to do.
        why: String,
    },
}

impl Config {
    /// Reads the configuration for a data directory.
    ///
    /// # Errors
    /// [`ConfigError`] names the key.
    pub fn load(data_dir: &Path, overrides: &Overrides) -> Result<Self, ConfigError> {
        let default = data_dir.join(FILE);
        let file = match &overrides.file {
            Some(file) => Toml::file_exact(file),
            None if default.exists() => Toml::file_exact(&default),
            None => Toml::file(&default),
        };
        let environment = Env::prefixed("PORTOLAN__").split("__");
        let figment = Figment::from(Serialized::defaults(Self::default()))
            .merge(file)
            .merge(environment);
        let mut config: Self = figment
            .extract()
            .map_err(|error| ConfigError::Unreadable(Box::new(error)))?;
        config.apply(overrides);
        config.resolve(data_dir)?;
        Ok(config)
    }

    /// The defaults for a data directory: no file and no environment is read.
    ///
    /// # Errors
    /// [`ConfigError`] where the address is none.
    pub fn for_directory(data_dir: &Path, listen: Option<&str>) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if let Some(listen) = listen {
            listen.clone_into(&mut config.http.listen);
        }
        config.resolve(data_dir)?;
        Ok(config)
    }

    /// What tokens name as their issuer: `tokens.issuer`, else where this service is found.
    #[must_use]
    pub fn issuer(&self) -> String {
        let public = self.http.public_url.clone().map(String::from);
        let scheme = self.http.tls().map_or("http", |_| "https");
        let issuer = self.tokens.issuer.clone().or(public);
        issuer.unwrap_or_else(|| format!("{scheme}://{}", self.http.listen))
    }

    fn apply(&mut self, overrides: &Overrides) {
        if let Some(url) = &overrides.database_url {
            self.database.url = Some(url.clone());
            self.database.url_file = None;
        }
        if let Some(listen) = &overrides.listen {
            self.http.listen.clone_from(listen);
        }
        if let Some(directory) = &overrides.upstream_ca_dir {
            self.import.upstream_ca_dir = Some(directory.clone());
        }
    }

    /// Fills in what depends on the data directory, and checks what belongs together.
    fn resolve(&mut self, data_dir: &Path) -> Result<(), ConfigError> {
        self.database.resolve(data_dir)?;
        self.secrets.resolve(data_dir, &self.database)?;
        self.import.resolve(data_dir)?;
        self.jobs.check()?;
        self.cache.check()?;
        self.audit.resolve()?;
        self.metrics.check()?;
        self.tracing.check()?;
        self.webhook.resolve()?;
        self.export.check()?;
        self.tokens.resolve()?;
        for (key, concurrent) in [
            ("import.concurrent", self.import.concurrent),
            ("export.concurrent", self.export.concurrent),
        ] {
            if concurrent >= self.database.pool_size as usize {
                // Each holds a connection, and everybody else needs one too.
                let why = "must be less than database.pool_size".to_owned();
                return Err(ConfigError::Invalid { key, why });
            }
        }
        self.cdn.check(self.http.limits.request_seconds)?;
        self.gateway.check(&self.http)?;
        self.http.check()
    }
}
