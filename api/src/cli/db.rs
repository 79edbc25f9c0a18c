//! `portolan db`.

use clap::Subcommand;
use serde_json::json;

use super::{context::Context, error::CliError};

/// What can be done with the database.
#[derive(Subcommand)]
pub enum DbCommand {
    /// Make the database, or bring its schema up to this version
    Migrate,
}

/// Runs a command. Opening the database migrates it.
pub async fn run(context: &Context, command: &DbCommand) -> Result<(), CliError> {
    match command {
        DbCommand::Migrate => {
            context.store().await?;
            let url = context.config.database.shown_url();
            context.print(&json!({ "database": url }), || {
                format!("{url} is up to date")
            })
        }
    }
}
