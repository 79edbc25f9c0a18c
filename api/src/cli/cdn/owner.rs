//! `portolan owner cdn`: points one owner elsewhere, or tells where its content is.

use clap::Args;
use portolan_domain::ids::{CdnLabel, OwnerKey};
use portolan_storage::CdnSetting;

use crate::{
    cli::{context::Context, error::CliError},
    extract::parse_cdn_url,
    routes::owner_cdn::OwnerCdn,
};

/// Where an owner's content is to be; without a flag, where it is.
#[derive(Args)]
pub struct OwnerCdnArgs {
    /// The owner's key
    key: OwnerKey,
    /// This URL, whatever imports say
    #[arg(long, group = "setting")]
    url: Option<String>,
    /// The CDN of this label, the operator's or the manifest's
    #[arg(long, group = "setting")]
    label: Option<CdnLabel>,
    /// What the import says
    #[arg(long, group = "setting")]
    reset: bool,
}

/// Runs the command.
pub async fn run(context: &Context, args: &OwnerCdnArgs) -> Result<(), CliError> {
    let (store, by) = (context.store().await?, context.actor());
    let setting = match (&args.url, &args.label) {
        (Some(url), _) => {
            let http = context.config.import.http_cdn();
            Some(CdnSetting::Url(parse_cdn_url("--url", url, http)?))
        }
        (None, label) => label.clone().map(CdnSetting::Label),
    };
    if let Some(setting) = &setting {
        store.set_owner_cdn(&args.key, setting, &by).await?;
    } else if args.reset {
        store.reset_owner_cdn(&args.key, &by).await?;
    }
    let owner = OwnerCdn::from(store.owner_cdn(&args.key).await?);
    let value = serde_json::to_value(&owner).map_err(|error| CliError::new(error.to_string()))?;
    context.print(&value, || in_words(&args.key, &owner))
}

fn in_words(key: &OwnerKey, owner: &OwnerCdn) -> String {
    let why = match owner.source {
        "OWNER" => "by its own setting",
        "IMPORT" => "by its import",
        _ => "by default",
    };
    let label = owner.cdn_label.as_ref();
    let label = label.map(|label| format!(", following {label}"));
    let mut lines = vec![format!(
        "{key}: {} {why}{}",
        owner.cdn_url,
        label.unwrap_or_default()
    )];
    for cdn in &owner.manifest_cdns {
        lines.push(format!("  its manifest has {:24} {}", cdn.label, cdn.url));
    }
    lines.join("\n")
}
