//! `portolan manifest`: verify, inspect and make manifests, without a database.

mod build;
mod inspect;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use portolan_domain::ids::OwnerKey;

use super::{context::Context, error::CliError};

pub use build::BuildArgs;

/// What can be done with manifests.
#[derive(Subcommand)]
pub enum ManifestCommand {
    /// Check who signed a manifest and that its content is right; exit status 1 where it would be refused
    Verify {
        /// The manifest
        file: PathBuf,
        /// Whose it shall be: an upstream CA may be set to verify only some owners' manifests
        #[arg(long, default_value = "any-owner")]
        owner: OwnerKey,
    },
    /// Show what is in a manifest, trusted or not
    Inspect {
        /// The manifest
        file: PathBuf,
    },
    /// Make a signed manifest from a small description
    Build(BuildArgs),
}

/// Runs a command.
pub fn run(context: &Context, command: &ManifestCommand) -> Result<(), CliError> {
    match command {
        ManifestCommand::Verify { file, owner } => inspect::verify(context, file, owner),
        ManifestCommand::Inspect { file } => inspect::inspect(context, file),
        ManifestCommand::Build(args) => build::run(context, args),
    }
}

fn open(path: &Path) -> Result<File, CliError> {
    File::open(path).map_err(|error| CliError::new(format!("{}: {error}", path.display())))
}
