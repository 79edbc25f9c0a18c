//! `portolan history`: what an owner imported, undoing it, and putting an earlier import back.

use clap::Subcommand;
use portolan_domain::ids::OwnerKey;
use portolan_storage::ImportRecord;
use serde_json::Value;
use uuid::Uuid;

use super::{context::Context, entitlement::as_json, error::CliError};
use crate::view::{self, Timestamp};

/// What can be done with an owner's imports.
#[derive(Subcommand)]
pub enum HistoryCommand {
    /// Show an owner's import records, newest first, failures included
    List {
        /// Whose
        #[arg(long)]
        owner: OwnerKey,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
    },
    /// Take away what an owner has imported, with all its downstream entitlements
    Undo {
        /// Whose
        #[arg(long)]
        owner: OwnerKey,
    },
    /// Import an earlier manifest again, one of the last that are kept
    Restore {
        /// The import's id, as the list shows it
        import: Uuid,
        /// Whose
        #[arg(long)]
        owner: OwnerKey,
    },
}

/// Runs a command.
pub async fn run(context: &Context, command: &HistoryCommand) -> Result<(), CliError> {
    let store = context.store().await?;
    match command {
        HistoryCommand::List { owner, limit } => {
            let page = store.imports(owner, None, *limit).await?;
            let lines: Vec<String> = page.items.iter().map(line).collect();
            let values: Result<Vec<Value>, _> = page.items.into_iter().map(shown).collect();
            context.print(&values?.into(), || match (lines.is_empty(), page.more) {
                (true, _) => format!("{owner} has imported nothing yet"),
                (false, false) => lines.join("\n"),
                (false, true) => format!("{}\n… and earlier ones (--limit)", lines.join("\n")),
            })
        }
        HistoryCommand::Undo { owner } => {
            let record = store.undo_import(owner, &context.actor()).await?;
            let counts = record.counts;
            let words = format!(
                "{}: {} entitlements and {} downstream ones were removed",
                record.status_message, counts.removed, counts.downstream_removed
            );
            context.print(&shown(record)?, || words)
        }
        HistoryCommand::Restore { import, owner } => restore(context, *import, owner).await,
    }
}

async fn restore(context: &Context, import: Uuid, owner: &OwnerKey) -> Result<(), CliError> {
    let state = context.state().await?;
    let restoring = state.importer.restore(owner, import, context.actor());
    let record = Box::pin(restoring).await?;
    let words = line(&record);
    context.print(&shown(record)?, || words)
}

fn shown(record: ImportRecord) -> Result<Value, CliError> {
    as_json(&view::ImportRecord::from(record))
}

fn line(record: &ImportRecord) -> String {
    let counts = record.counts;
    format!(
        "{} {:20} {} +{} ~{} -{} {}",
        Timestamp(record.created_at),
        record.status.as_str(),
        record.id,
        counts.added,
        counts.updated,
        counts.removed,
        record.status_message,
    )
}
