//! What commands share: the configuration, the database, and how results are shown.

use std::{
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use portolan_storage::{Actor, PrincipalKind, Store};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::error::{CliError, print_line};
use crate::{clock::Clock, config::Config, server, state::AppState};

/// The surroundings of a command.
pub struct Context {
    /// `--data-dir`.
    pub data_dir: PathBuf,
    /// The configuration that counts.
    pub config: Config,
    /// `--json`.
    pub json: bool,
    /// The clock.
    pub clock: Clock,
    store: OnceCell<Store>,
}

impl Context {
    /// The surroundings, with the system's clock.
    pub fn new(data_dir: PathBuf, config: Config, json: bool) -> Self {
        let clock = Clock::system();
        Self {
            data_dir,
            config,
            json,
            clock,
            store: OnceCell::new(),
        }
    }

    /// The database, opened once: made and brought up to date where that is needed.
    pub async fn store(&self) -> Result<Store, CliError> {
        let store = self.store.get_or_try_init(async || {
            self.make_data_dir()?;
            let master = self.config.secrets.master_key(&self.config.database)?;
            let store = Store::connect(&self.config.database.settings(), master)
                .await?
                .as_node(self.config.audit.node())
                .with_outbox(self.config.webhook.outbox());
            store.migrate().await?;
            Ok::<_, CliError>(store)
        });
        Ok(store.await?.clone())
    }

    /// Who runs the command, for the audit log.
    pub fn actor(&self) -> Actor {
        Actor {
            kind: PrincipalKind::Local,
            name: format!("command line (uid {})", rustix::process::getuid().as_raw()),
            address: None,
            request_id: None,
            at: self.clock.now(),
        }
    }

    /// Closes the database: SQLite then leaves one file, with everything in it.
    pub async fn close(self) {
        if let Some(store) = self.store.into_inner() {
            server::close(store).await;
        }
    }

    /// Makes the data directory, which nobody else can enter.
    fn make_data_dir(&self) -> Result<(), CliError> {
        private_directory(&self.data_dir).map_err(|error| {
            let directory = self.data_dir.display();
            CliError::new(format!(
                "the data directory {directory} cannot be made: {error}"
            ))
        })
    }

    /// The service's parts over the database.
    pub async fn state(&self) -> Result<AppState, CliError> {
        self.make_data_dir()?;
        if let Some(directory) = &self.config.import.upstream_ca_dir {
            private_directory(directory)?;
        }
        let (store, config) = (self.store().await?, self.config.clone());
        Ok(AppState::new(store, config, self.clock.clone())?)
    }

    /// Prints a result: for a program as it is, for a person in these words.
    pub fn print(&self, value: &Value, words: impl FnOnce() -> String) -> Result<(), CliError> {
        if self.json {
            print_line(&value.to_string())
        } else {
            print_line(&words())
        }
    }

    /// Prints the configuration that counts, without its secrets.
    pub fn print_config(&self) -> Result<(), CliError> {
        let mut shown = self.config.clone();
        shown.database = self.config.database.shown();
        shown.webhook.url = self.config.webhook.shown_url();
        shown.tokens.webhook.url = self.config.tokens.webhook.shown_url();
        if self.json {
            let json = serde_json::to_string(&shown);
            return print_line(&json.map_err(|error| CliError::new(error.to_string()))?);
        }
        let text = toml::to_string_pretty(&shown);
        let text = text.map_err(|error| CliError::new(error.to_string()))?;
        print_line(text.trim_end())
    }
}

/// Makes a directory that nobody else can enter; one that is there stays as it is.
pub fn private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
