//! `[secrets]`: the master key that seals every private key in the database.

use std::path::{Path, PathBuf};

use portolan_storage::{Engine, MasterKey, StorageError};
use serde::{Deserialize, Serialize};

use super::{ConfigError, DatabaseConfig};

/// `[secrets]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretsConfig {
    /// The file with the master key. For SQLite it is made beside the database on the first start;
    /// for PostgreSQL it is required, the same on every node.
    pub master_key_file: Option<PathBuf>,
    /// Whether the file is made where it is missing: only beside an embedded database.
    #[serde(skip)]
    made_when_missing: bool,
}

impl SecretsConfig {
    pub(super) fn resolve(
        &mut self,
        data_dir: &Path,
        database: &DatabaseConfig,
    ) -> Result<(), ConfigError> {
        if self.master_key_file.is_some() {
            return Ok(());
        }
        if database.engine() == Engine::Postgres {
            return Err(ConfigError::Invalid {
                key: "secrets.master_key_file",
                why:
                    "is required with PostgreSQL. Make one with: portolan master-key create FILE; \
                      then give the same file to every node, and keep a copy where the database's \
                      backups are not"
                        .to_owned(),
            });
        }
        let file = database
            .sqlite_file()
            .map(|file| file.with_file_name("master.key"));
        self.master_key_file = Some(file.unwrap_or_else(|| data_dir.join("master.key")));
        self.made_when_missing = true;
        Ok(())
    }

    /// Reads the master key, or makes it beside a new embedded database.
    ///
    /// # Errors
    /// [`StorageError::MasterKey`] says what is wrong with the file.
    pub fn master_key(&self, database: &DatabaseConfig) -> Result<MasterKey, StorageError> {
        let file = self.master_key_file.clone().unwrap_or_default();
        // An old database without its key is lost work, not a first start.
        let is_new = database.sqlite_file().is_some_and(|file| !file.exists());
        if self.made_when_missing && is_new {
            MasterKey::read_or_create(&file)
        } else {
            MasterKey::read(&file)
        }
    }
}
