//! `portolan expirations`: which certificates end soon.

use clap::Args;
use portolan_domain::{expiry::Within, ids::OwnerKey};
use portolan_storage::ExpiryFilter;
use serde_json::{Value, json};

use super::{context::Context, error::CliError};
use crate::view::Expiration;

/// Certificates that are asked for at once.
const PAGE: u64 = 1000;

/// Which certificates.
#[derive(Args)]
pub struct ExpirationsArgs {
    /// Those that end within this time: a number with s, m, h, d or w behind it
    #[arg(long, default_value = "30d")]
    within: Within,
    /// Those of this owner, and the CAs that verified its manifests; repeat for more [default: all]
    #[arg(long)]
    owner: Vec<OwnerKey>,
}

/// Runs the command.
pub async fn run(context: &Context, args: &ExpirationsArgs) -> Result<(), CliError> {
    let state = context.state().await?;
    for owner in &args.owner {
        state.store.owner(owner).await?;
    }
    state.anchors.reload().await?;
    let now = context.clock.now();
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let filter = ExpiryFilter {
            owners: (!args.owner.is_empty()).then_some(args.owner.as_slice()),
            until: args.within.after(now),
            after: after.as_ref(),
        };
        let page = state.expirations.page(&filter, PAGE).await?;
        after = page.items.last().map(|last| last.place.clone());
        found.extend(page.items.into_iter().map(|one| Expiration::of(one, now)));
        if !page.more {
            break;
        }
    }
    let values: Value = found.iter().map(|one| json!(one)).collect();
    context.print(&values, || {
        if found.is_empty() {
            return format!("nothing ends within {}", args.within);
        }
        let lines: Vec<String> = found.iter().map(line).collect();
        lines.join("\n")
    })
}

fn line(one: &Expiration) -> String {
    let when = if one.expired { "ended" } else { "until" };
    let owner = one.owner_key.as_deref().unwrap_or("-");
    let subject = one.subject.as_deref().unwrap_or_default();
    let (kind, id) = (one.kind, &one.id);
    format!(
        "{when} {} {kind:11} {owner:20} {id} {subject}",
        one.not_after
    )
}
