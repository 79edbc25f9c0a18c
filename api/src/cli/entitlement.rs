//! `portolan entitlement`: what is registered for proxies to ask, on this machine's database.

use std::{fs::File, path::PathBuf};

use clap::Subcommand;
use portolan_domain::{
    ids::{EntitlementId, OwnerKey, PoolId},
    registration::{Registration, Source},
};
use portolan_storage::{BatchCounts, EntitlementFilter, StoredEntitlement};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    context::Context,
    error::{CliError, print_line},
    import::spool,
};
use crate::{
    problem::Problem,
    registration::register,
    view::{Entitlement, Timestamp},
};

/// What can be done with entitlements.
#[derive(Subcommand)]
pub enum EntitlementCommand {
    /// List an owner's entitlements, those of manifests and those that were registered
    List {
        /// Whose
        #[arg(long)]
        owner: OwnerKey,
    },
    /// Register an entitlement of a local subscription system: say where it comes from
    Register {
        /// The id that it has there
        id: EntitlementId,
        /// Whose it is
        #[arg(long)]
        owner: OwnerKey,
        /// The pool that it comes from [default: the owner as a whole]
        #[arg(long, conflicts_with = "upstream")]
        pool: Option<PoolId>,
        /// The upstream entitlement that it comes from
        #[arg(long)]
        upstream: Option<EntitlementId>,
    },
    /// Register many, all or none: a line {"id":…}, {"id":…,"poolId":…} or
    /// {"id":…,"upstreamEntitlementId":…} for each
    RegisterBatch {
        /// The lines (NDJSON); - for standard input
        file: PathBuf,
        /// Whose they are
        #[arg(long)]
        owner: OwnerKey,
        /// Revoke those that are not in it
        #[arg(long)]
        replace: bool,
    },
    /// Revoke an entitlement that was registered; that counts within a second
    Revoke {
        /// Its id
        id: EntitlementId,
    },
    /// Show an entitlement, without key material
    Show {
        /// Its id
        id: EntitlementId,
    },
}

/// Runs a command.
pub async fn run(context: &Context, command: &EntitlementCommand) -> Result<(), CliError> {
    match command {
        EntitlementCommand::List { owner } => list(context, owner).await,
        EntitlementCommand::Register {
            id,
            owner,
            pool,
            upstream,
        } => {
            let source = Source::of(pool.clone(), upstream.clone());
            let source = source.map_err(|why| CliError::new(why.to_string()))?;
            let registration = Registration {
                id: id.clone(),
                source,
            };
            let (store, by) = (context.store().await?, context.actor());
            let stored = store
                .register_entitlement(owner, &registration, &by)
                .await?;
            let words = format!("registered {}", line(&stored));
            context.print(&shown(context, stored)?, || words)
        }
        EntitlementCommand::RegisterBatch {
            file,
            owner,
            replace,
        } => register_batch(context, file, owner, *replace).await,
        EntitlementCommand::Revoke { id } => {
            let stored = find(context, id).await?;
            let (store, by) = (context.store().await?, context.actor());
            store.revoke_entitlement(&stored.owner, id, &by).await?;
            context.print(&json!({ "revoked": id }), || format!("revoked {id}"))
        }
        EntitlementCommand::Show { id } => {
            let stored = find(context, id).await?;
            let words = details(&stored);
            context.print(&shown(context, stored)?, || words)
        }
    }
}

async fn find(context: &Context, id: &EntitlementId) -> Result<StoredEntitlement, CliError> {
    let found = context.store().await?.entitlement(id).await?;
    found.ok_or_else(|| CliError::new(format!("there is no entitlement {id}")))
}

/// Printed as it is read: there may be a million.
async fn list(context: &Context, owner: &OwnerKey) -> Result<(), CliError> {
    let (store, filter) = (context.store().await?, EntitlementFilter::default());
    let mut last: Option<EntitlementId> = None;
    loop {
        let page = store
            .entitlements(owner, &filter, last.as_ref(), 1000)
            .await?;
        for item in page.items {
            let begins = if last.is_none() { '[' } else { ',' };
            last = Some(item.id.clone());
            if context.json {
                print_line(&format!("{begins}{}", shown(context, item)?))?;
            } else {
                print_line(&line(&item))?;
            }
        }
        if page.more {
            continue;
        }
        return match (context.json, &last) {
            (true, None) => print_line("[]"),
            (true, Some(_)) => print_line("]"),
            (false, None) => print_line("no entitlements yet: portolan import FILE --owner KEY"),
            (false, Some(_)) => Ok(()),
        };
    }
}

async fn register_batch(
    context: &Context,
    file: &std::path::Path,
    owner: &OwnerKey,
    replace: bool,
) -> Result<(), CliError> {
    let state = context.state().await?;
    let lines = if file.as_os_str() == "-" {
        spool(&state, &mut std::io::stdin().lock(), "standard input")?
    } else {
        let name = file.display().to_string();
        let opened = File::open(file).map_err(|why| CliError::new(format!("{name}: {why}")))?;
        spool(&state, &mut { opened }, &name)?
    };
    let lines = lines.finish(None, 0)?.file;
    let by = context.actor();
    let counts = register(&state.store, owner, lines, replace, &by).await;
    let BatchCounts {
        created,
        updated,
        unchanged,
        removed,
    } = counts.map_err(Problem::from)?;
    let value = json!({
        "created": created, "updated": updated, "unchanged": unchanged, "removed": removed,
    });
    context.print(&value, || {
        format!("{created} created, {updated} updated, {unchanged} unchanged, {removed} removed")
    })
}

fn shown(context: &Context, stored: StoredEntitlement) -> Result<Value, CliError> {
    as_json(&Entitlement::of(stored, context.clock.now()))
}

pub(super) fn as_json(value: &impl Serialize) -> Result<Value, CliError> {
    serde_json::to_value(value).map_err(|error| CliError::new(error.to_string()))
}

/// Where an entitlement comes from, as a person reads it.
fn source(stored: &StoredEntitlement) -> String {
    match (&stored.pool_id, &stored.upstream_id) {
        (None, _) => "the owner as a whole".to_owned(),
        (Some(pool), Some(upstream)) if upstream != stored.id.as_str() => {
            format!("pool {pool}, for upstream entitlement {upstream}")
        }
        (Some(pool), _) => format!("pool {pool}"),
    }
}

fn line(stored: &StoredEntitlement) -> String {
    let kind = stored.kind.as_str();
    format!("{:36} {kind:10} {}", stored.id, source(stored))
}

fn details(stored: &StoredEntitlement) -> String {
    let date = |at: Option<time::OffsetDateTime>| {
        at.map_or("-".to_owned(), |at| Timestamp(at).to_string())
    };
    let mut lines = vec![
        format!("{} ({})", stored.id, stored.kind.as_str()),
        format!("  owner         {}", stored.owner),
        format!("  comes from    {}", source(stored)),
        format!(
            "  product       {}",
            stored.product_name.as_deref().unwrap_or("-")
        ),
        format!(
            "  valid         {} to {}",
            date(stored.starts_at),
            date(stored.ends_at)
        ),
    ];
    if let Some(certificate) = &stored.certificate {
        let until = Timestamp(certificate.not_after);
        let serial = &certificate.serial;
        lines.push(format!("  certificate   {serial} until {until}"));
    }
    if let Some(created) = stored.created_at {
        lines.push(format!("  registered    {}", Timestamp(created)));
    }
    lines.join("\n")
}
