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
    /// PostgreSQL itself, where `url` leads to a pooler: for the feed of changes, and migrations.
    pub direct_url: Option<String>,
    /// A file that holds it.
    pub direct_url_file: Option<PathBuf>,
    /// A streaming replica, where entitlements are looked up while it is near enough.
    pub read_url: Option<String>,
    /// A file that holds it.
    pub read_url_file: Option<PathBuf>,
    /// Connections at most.
    pub pool_size: u32,
}

/// The URL may hold a password.
impl std::fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("url", &self.shown_url())
            .field("url_file", &self.url_file)
            .field("direct_url", &self.shown().direct_url)
            .field("direct_url_file", &self.direct_url_file)
            .field("read_url", &self.shown().read_url)
            .field("read_url_file", &self.read_url_file)
            .field("pool_size", &self.pool_size)
            .finish()
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            direct_url: None,
            direct_url_file: None,
            read_url: None,
            read_url_file: None,
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
        for (key, file, url) in [
            ("database.url_file", &self.url_file, &mut self.url),
            (
                "database.direct_url_file",
                &self.direct_url_file,
                &mut self.direct_url,
            ),
            (
                "database.read_url_file",
                &self.read_url_file,
                &mut self.read_url,
            ),
        ] {
            read_url_file(key, file.as_deref(), url)?;
        }
        let default = || format!("sqlite://{}", data_dir.join("portolan.db").display());
        let url = self.url.get_or_insert_with(default);
        if Engine::of_url(url).is_none() {
            let why = "must begin with sqlite:// or postgres://".to_owned();
            return Err(invalid("database.url", why));
        }
        let engine = Engine::of_url(url);
        check_readable("database.url", url)?;
        for (key, other) in [
            ("database.direct_url", &self.direct_url),
            ("database.read_url", &self.read_url),
        ] {
            let Some(other) = other else { continue };
            if engine != Some(Engine::Postgres) || Engine::of_url(other) != engine {
                let why = "is for PostgreSQL alone, as database.url must be then".to_owned();
                return Err(invalid(key, why));
            }
            check_readable(key, other)?;
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
            direct_url: self.direct_url.clone(),
            read_url: self.read_url.clone(),
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
        without_password(self.resolved_url())
    }

    /// The same, with every URL so.
    #[must_use]
    pub fn shown(&self) -> Self {
        let shown = |url: &Option<String>| url.as_deref().map(without_password);
        Self {
            url: shown(&self.url),
            direct_url: shown(&self.direct_url),
            read_url: shown(&self.read_url),
            ..self.clone()
        }
    }
}

fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.split('?').next().unwrap_or_default().to_owned();
    };
    // A password may stand before the last @, and in the query.
    let rest = rest.split('?').next().unwrap_or_default();
    match rest.rsplit_once('@') {
        Some((_, place)) if Engine::of_url(url) == Some(Engine::Postgres) => {
            format!("{scheme}://…@{place}")
        }
        _ => format!("{scheme}://{rest}"),
    }
}

/// Reads a URL from its file, where it has one.
fn read_url_file(
    key: &'static str,
    file: Option<&Path>,
    url: &mut Option<String>,
) -> Result<(), ConfigError> {
    let Some(file) = file else { return Ok(()) };
    let invalid = |why: String| ConfigError::Invalid { key, why };
    if url.is_some() {
        let why = "give either the URL or the file that holds it, not both";
        return Err(invalid(why.to_owned()));
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| invalid(format!("{} cannot be read: {error}", file.display())))?;
    *url = Some(text.trim().to_owned());
    Ok(())
}

/// What the driver says of a URL that it cannot read holds the URL, with its password.
fn check_readable(key: &'static str, url: &str) -> Result<(), ConfigError> {
    match Url::parse(url) {
        Err(error) if Engine::of_url(url) == Some(Engine::Postgres) => {
            let why = format!(
                "cannot be read: {error}. What is not a letter or a digit in a user's name or a \
                 password must be percent-encoded"
            );
            Err(ConfigError::Invalid { key, why })
        }
        _ => Ok(()),
    }
}
