//! `portolan grant`: which user may have which refs, on this machine's database.

use std::collections::BTreeSet;

use clap::Subcommand;
use portolan_domain::{
    grants::{Grant, GrantEntry, RefPattern},
    ids::{CollectionId, OwnerKey, UserName},
};
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{context::Context, entitlement::as_json, error::CliError};
use crate::{problem::Problem, view::GrantedRefs};

/// What can be done with grants.
#[derive(Subcommand)]
pub enum GrantCommand {
    /// List what an owner grants to a user, or the users to whom it grants something
    List {
        /// The user [default: list the users]
        user: Option<UserName>,
        /// Who grants it
        #[arg(long)]
        owner: OwnerKey,
    },
    /// Make this what an owner grants to a user of one collection; its grants of others stay
    Set {
        /// The user
        user: UserName,
        /// Patterns of refs, such as app/org.example.Game/*/stable
        #[arg(required = true)]
        refs: Vec<RefPattern>,
        /// Who grants it
        #[arg(long)]
        owner: OwnerKey,
        /// The collection: one of the owner's own repositories
        #[arg(long)]
        collection: CollectionId,
        /// Until when, such as 2027-01-01T00:00:00Z [default: for ever]
        #[arg(long, value_parser = instant)]
        until: Option<OffsetDateTime>,
    },
    /// Take back what an owner grants to a user
    Remove {
        /// The user
        user: UserName,
        /// Who granted it
        #[arg(long)]
        owner: OwnerKey,
    },
}

fn instant(text: &str) -> Result<OffsetDateTime, &'static str> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339);
    parsed.map_err(|_| "must be an instant such as 2027-01-01T00:00:00Z")
}

/// Runs a command.
pub async fn run(context: &Context, command: &GrantCommand) -> Result<(), CliError> {
    let store = context.store().await?;
    match command {
        GrantCommand::List { user: None, owner } => list_users(context, owner).await,
        GrantCommand::List {
            user: Some(user),
            owner,
        } => show(context, user, &store.grants_of(owner, user).await?),
        GrantCommand::Set {
            user,
            refs,
            owner,
            collection,
            until,
        } => {
            let entry = GrantEntry {
                collection: collection.clone(),
                refs: refs.iter().cloned().collect(),
                until: *until,
            };
            let mut granted = entry
                .grants()
                .map_err(|why| CliError::new(why.to_string()))?;
            let others = store.grants_of(owner, user).await?.into_iter();
            granted.extend(others.filter(|grant| grant.collection != *collection));
            let by = context.actor();
            let stored = store.put_grants(owner, user, &granted, &by).await;
            show(context, user, &stored.map_err(Problem::from)?)
        }
        GrantCommand::Remove { user, owner } => {
            store.delete_grants(owner, user, &context.actor()).await?;
            context.print(&json!({ "removed": user }), || {
                format!("{owner} grants nothing to {user} any more")
            })
        }
    }
}

async fn list_users(context: &Context, owner: &OwnerKey) -> Result<(), CliError> {
    let store = context.store().await?;
    let mut users: Vec<UserName> = Vec::new();
    loop {
        let page = store.granted_users(owner, users.last(), 1000).await?;
        users.extend(page.items);
        if !page.more {
            break;
        }
    }
    context.print(&json!(users), || {
        let lines: Vec<&str> = users.iter().map(UserName::as_str).collect();
        if lines.is_empty() {
            format!("{owner} grants nothing yet: portolan grant set USER REF… --owner {owner}")
        } else {
            lines.join("\n")
        }
    })
}

fn show(context: &Context, user: &UserName, granted: &BTreeSet<Grant>) -> Result<(), CliError> {
    let shown = GrantedRefs::all(granted);
    context.print(&as_json(&shown)?, || {
        let line = |entry: &GrantedRefs| {
            let until = entry
                .until
                .map_or("for ever".to_owned(), |at| format!("until {at}"));
            let of = |name: &String| format!("{} {name} {until}", entry.collection_id);
            entry.refs.iter().map(of).collect::<Vec<_>>().join("\n")
        };
        let lines: Vec<String> = shown.iter().map(line).collect();
        if lines.is_empty() {
            format!("nothing is granted to {user}")
        } else {
            lines.join("\n")
        }
    })
}
