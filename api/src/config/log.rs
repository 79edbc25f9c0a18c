//! `[log]`: one line per event on standard error.

use serde::{Deserialize, Serialize};

/// `[log]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Which events, in the form of `tracing_subscriber::EnvFilter`: `info`, `portolan=debug`.
    pub filter: String,
    /// How they are written.
    pub format: LogFormat,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            // PostgreSQL's notices ("already exists, skipping") are no news.
            filter: "info,sqlx::postgres::notice=warn,sea_orm_migration=warn".to_owned(),
            format: LogFormat::Text,
        }
    }
}
