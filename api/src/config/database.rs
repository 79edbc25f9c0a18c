//! `[database]`: SQLite in the data directory by default, or PostgreSQL.

use std::path::{Path, PathBuf};

use portolan_storage::{DatabaseSettings, Engine};
use serde::{Deserialize, Serialize};
use url::Url;

use super::ConfigError;

/// `[database]`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/NAME`.
    pub url: Option<String>,
    /// A file that holds the URL, so that its password is in no environment.
    pub url_file: Option<PathBuf>,
    /// Connections at most.
    pub pool_size: u32,
}

/// The URL may hold a password.
impl std::fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("url", &self.shown_url())
            .field("url_file", &self.url_file)
            .field("pool_size", &self.pool_size)
            .finish()
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            pool_size: 10,
        }
    }
}

impl DatabaseConfig {
    /// The database that a command names, rather than the configuration.
    ///
    /// # Errors
    /// Where the URL is none.
    pub fn of_url(url: &str) -> Result<Self, ConfigError> {
        let mut named = Self {
            url: Some(url.to_owned()),
            ..Self::default()
        };
        named.resolve(Path::new(""))?;
        Ok(named)
    }

    pub(super) fn resolve(&mut self, data_dir: &Path) -> Result<(), ConfigError> {
        let invalid = |key, why: String| ConfigError::Invalid { key, why };
        if let Some(file) = &self.url_file {
            if self.url.is_some() {
                let why = "give either the URL or the file that holds it, not both".to_owned();
                return Err(invalid("database.url_file", why));
            }
            let text = std::fs::read_to_string(file).map_err(|error| {
                invalid(
                    "database.url_file",
                    format!("{} cannot be read: {error}", file.display()),
                )
            })?;
            self.url = Some(text.trim().to_owned());
        }
        let default = || format!("sqlite://{}", data_dir.join("portolan.db").display());
        let url = self.url.get_or_insert_with(default);
        if Engine::of_url(url).is_none() {
            let why = "must begin with sqlite:// or postgres://".to_owned();
            return Err(invalid("database.url", why));
        }
        // What the driver says of a URL that it cannot read holds the URL, with its password.
        if Engine::of_url(url) == Some(Engine::Postgres)
            && let Err(error) = Url::parse(url)
        {
            let why = format!(
                "cannot be read: {error}. What is not a letter or a digit in a user's name or a \
                 password must be percent-encoded"
            );
            return Err(invalid("database.url", why));
        }
        if self.pool_size == 0 {
            return Err(invalid(
                "database.pool_size",
                "must be at least 1".to_owned(),
            ));
        }
        Ok(())
    }

    fn resolved_url(&self) -> &str {
        self.url.as_deref().unwrap_or_default()
    }

    /// Which engine this is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        Engine::of_url(self.resolved_url()).unwrap_or(Engine::Sqlite)
    }

    /// What the store connects with.
    #[must_use]
    pub fn settings(&self) -> DatabaseSettings {
        DatabaseSettings {
            url: self.resolved_url().to_owned(),
            pool_size: self.pool_size,
        }
    }

    /// The SQLite file, where the engine is SQLite.
    #[must_use]
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        let url = self.resolved_url();
        let path = url.strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        let path = path.split('?').next().unwrap_or(path);
        Some(PathBuf::from(path))
    }

    /// The URL without its password, for people and logs.
    #[must_use]
    pub fn shown_url(&self) -> String {
        let url = self.resolved_url();
        let Some((scheme, rest)) = url.split_once("://") else {
            return url.split('?').next().unwrap_or_default().to_owned();
        };
        // A password may stand before the last @, and in the query.
        let rest = rest.split('?').next().unwrap_or_default();
        match rest.rsplit_once('@') {
            Some((_, place)) if self.engine() == Engine::Postgres => {
                format!("{scheme}://…@{place}")
            }
            _ => format!("{scheme}://{rest}"),
        }
    }
}
