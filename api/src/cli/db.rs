//! `portolan db`.

use clap::Subcommand;
use portolan_storage::{CopiedTable, copy_database};
use serde_json::{Value, json};

use super::{context::Context, error::CliError};
use crate::config::DatabaseConfig;

/// What can be done with the database.
#[derive(Subcommand)]
pub enum DbCommand {
    /// Make the database, or bring its schema up to this version
    Migrate,
    /// Copy a whole SQLite database into an empty PostgreSQL database; end the service first
    Copy {
        /// The SQLite database: sqlite:FILE. It is only read
        #[arg(long)]
        from: String,
        /// The PostgreSQL database, just created: postgres://USER:PASSWORD@HOST/NAME
        #[arg(long, env = "PORTOLAN_COPY_TO", hide_env_values = true)]
        to: String,
    },
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
        DbCommand::Copy { from, to } => copy(context, from, to).await,
    }
}

async fn copy(context: &Context, from: &str, to: &str) -> Result<(), CliError> {
    let (from, to) = (DatabaseConfig::of_url(from)?, DatabaseConfig::of_url(to)?);
    let copied = copy_database(&from.settings(), &to.settings()).await?;
    let tables: Value = copied
        .iter()
        .map(|table| json!({ "table": table.name, "rows": table.rows }))
        .collect();
    context.print(&tables, || words(&copied))
}

fn words(copied: &[CopiedTable]) -> String {
    let filled = copied.iter().filter(|table| table.rows > 0);
    let mut lines: Vec<String> = filled
        .map(|table| format!("{:24} {:>12}", table.name, table.rows))
        .collect();
    let rows: u64 = copied.iter().map(|table| table.rows).sum();
    lines.push(format!(
        "{rows} rows of {} tables were copied, and are the same on both sides. Set database.url to the new one, \
         and secrets.master_key_file to the same master key as before.",
        copied.len()
    ));
    lines.join("\n")
}
