//! `portolan master-key`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use portolan_storage::MasterKey;
use serde_json::json;

use super::{
    context::Context,
    error::{CliError, print_line},
};

/// What can be done with master keys.
#[derive(Subcommand)]
pub enum MasterKeyCommand {
    /// Write a new key to a new file, mode 0600
    Create {
        /// The file; nothing is overwritten
        file: PathBuf,
    },
    /// Seal everything by a new key; a server that runs goes on
    Rotate {
        /// Only put the new key into the file, before the old one: copy it to every node, then rotate
        #[arg(long)]
        prepare: bool,
    },
}

/// Writes a new key. It needs neither a configuration nor a database.
pub fn create(file: &Path) -> Result<(), CliError> {
    MasterKey::create(file)?;
    print_line(&format!(
        "wrote {}; keep a copy where the database's backups are not",
        file.display()
    ))
}

/// Replaces the key.
pub async fn rotate(context: &Context, prepare: bool) -> Result<(), CliError> {
    let store = context.store().await?;
    let file = context.config.secrets.master_key_file.clone();
    let file = file.unwrap_or_default();
    if prepare {
        store.prepare_master_key().await?;
        return context.print(&json!({ "file": file, "prepared": true }), || {
            format!(
                "{} holds the new key and the old one; give this file to every node, then run \
                 portolan master-key rotate",
                file.display()
            )
        });
    }
    let rotation = store.rotate_master_key(&context.actor()).await?;
    let value = json!({
        "file": file, "resealed": rotation.resealed, "before": rotation.before,
    });
    context.print(&value, || {
        let before = rotation.before.as_deref().map_or(String::new(), |before| {
            format!(
                "\nthe old key is in {}: copies of the database from before today need it",
                before.display()
            )
        });
        format!(
            "{} holds a new master key; {} keys were sealed anew{before}",
            file.display(),
            rotation.resealed
        )
    })
}
