//! `portolan owner`: tenants.

use clap::Subcommand;
use portolan_domain::ids::OwnerKey;
use serde_json::{Value, json};

use super::{
    cdn::{self, OwnerCdnArgs},
    context::Context,
    error::CliError,
};

/// What can be done with owners.
#[derive(Subcommand)]
pub enum OwnerCommand {
    /// Create an owner
    Add {
        /// Its key, in every URL
        key: OwnerKey,
        /// Its name for people [default: the key]
        #[arg(long)]
        display_name: Option<String>,
    },
    /// List the owners
    List,
    /// Show where its content is, or point it elsewhere
    Cdn(OwnerCdnArgs),
    /// Delete an owner with all that it imported
    Remove {
        /// Its key
        key: OwnerKey,
    },
}

/// Runs a command.
pub async fn run(context: &Context, command: &OwnerCommand) -> Result<(), CliError> {
    let store = context.store().await?;
    match command {
        OwnerCommand::Add { key, display_name } => {
            let name = display_name.as_deref().unwrap_or(key.as_str());
            let owner = store.create_owner(key, name, &context.actor()).await?;
            let value = json!({ "key": owner.key, "displayName": owner.display_name });
            context.print(&value, || format!("created {key}"))
        }
        OwnerCommand::List => {
            let mut owners = Vec::new();
            loop {
                let after = owners
                    .last()
                    .map(|o: &portolan_storage::Owner| o.key.to_string());
                let page = store.owners(None, after.as_deref(), 1000).await?;
                owners.extend(page.items);
                if !page.more {
                    break;
                }
            }
            let shown =
                |o: &portolan_storage::Owner| json!({"key": o.key, "displayName": o.display_name});
            let values: Value = owners.iter().map(shown).collect();
            context.print(&values, || {
                let line = |o: &portolan_storage::Owner| format!("{:32} {}", o.key, o.display_name);
                let lines: Vec<String> = owners.iter().map(line).collect();
                if lines.is_empty() {
                    "no owners yet: portolan owner add KEY".to_owned()
                } else {
                    lines.join("\n")
                }
            })
        }
        OwnerCommand::Cdn(args) => cdn::run_owner(context, args).await,
        OwnerCommand::Remove { key } => {
            store.delete_owner(key, &context.actor()).await?;
            context.print(&json!({ "removed": key }), || format!("removed {key}"))
        }
    }
}
