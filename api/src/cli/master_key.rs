//! `portolan master-key`.

use std::path::PathBuf;

use clap::Subcommand;
use portolan_storage::MasterKey;

use super::error::{CliError, print_line};

/// What can be done with master keys.
#[derive(Subcommand)]
pub enum MasterKeyCommand {
    /// Write a new key to a new file, mode 0600
    Create {
        /// The file; nothing is overwritten
        file: PathBuf,
    },
}

/// Runs a command.
pub fn run(command: &MasterKeyCommand) -> Result<(), CliError> {
    match command {
        MasterKeyCommand::Create { file } => {
            MasterKey::create(file)?;
            print_line(&format!(
                "wrote {}; keep a copy where the database's backups are not",
                file.display()
            ))
        }
    }
}
