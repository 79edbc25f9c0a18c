//! `portolan cdn`: the operator's CDNs, in this machine's database.

mod check;
mod owner;
mod sign;
mod signing;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use portolan_domain::{ids::CdnLabel, trust::CertificateBundle};
use portolan_storage::{Cdn, CdnChange, NewCdn};
use serde_json::{Value, json};

pub use self::owner::{OwnerCdnArgs, run as run_owner};
use super::{ca::read_pem, context::Context, error::CliError};
use crate::{
    cdn_check::CheckPath,
    extract::parse_cdn_url,
    routes::cdns::{Cdn as View, parse_certificate},
};

/// What can be done with CDNs.
#[derive(Subcommand)]
pub enum CdnCommand {
    /// List the CDNs
    List,
    /// Create a CDN; owners whose manifests named its label follow it from now on
    Add {
        /// Its label
        label: CdnLabel,
        /// Its base URL
        #[arg(long)]
        url: String,
        /// Its name for people
        #[arg(long)]
        name: Option<String>,
        /// A file with its own certificates: proxies trust these there
        #[arg(long)]
        certificate: Option<PathBuf>,
    },
    /// Change a CDN, and with it the answers of every owner that follows it
    Set(SetArgs),
    /// Delete a CDN that no owner follows
    Remove {
        /// Its label
        label: CdnLabel,
    },
    /// Sign URLs of a CDN that has a signing profile
    Sign(sign::SignArgs),
    /// Set with which key URLs of a CDN are signed, and for whom; without a flag, show it
    Signing(signing::SigningArgs),
    /// Connect to a CDN as a proxy does, within cdn.check_allow, and tell what is there
    Check {
        /// Its label
        label: CdnLabel,
        /// What to ask for, below its URL
        #[arg(long, default_value = "/")]
        path: CheckPath,
    },
}

/// What is to change; what is not given stays.
#[derive(Args)]
pub struct SetArgs {
    /// Its label
    label: CdnLabel,
    /// Its base URL
    #[arg(long)]
    url: Option<String>,
    /// Its name for people
    #[arg(long)]
    name: Option<String>,
    /// Take its name away
    #[arg(long, conflicts_with = "name")]
    no_name: bool,
    /// A file with its own certificates
    #[arg(long)]
    certificate: Option<PathBuf>,
    /// Take its certificates away: the CA that verified the manifest counts again
    #[arg(long, conflicts_with = "certificate")]
    no_certificate: bool,
}

/// Runs a command.
pub async fn run(context: &Context, command: &CdnCommand) -> Result<(), CliError> {
    match command {
        CdnCommand::List => list(context).await,
        CdnCommand::Add {
            label,
            url,
            name,
            certificate,
        } => {
            let new = NewCdn {
                label: label.clone(),
                name: name.clone(),
                url: parse_cdn_url("--url", url, context.config.import.http_cdn())?,
                certificate: certificate.as_deref().map(read_bundle).transpose()?,
                signing: None,
            };
            let store = context.store().await?;
            let created = store.create_cdn(&new, &context.actor()).await?;
            tell(context, created, "created")
        }
        CdnCommand::Set(args) => set(context, args).await,
        CdnCommand::Remove { label } => {
            let store = context.store().await?;
            if !store.delete_cdn(label, &context.actor()).await? {
                return Err(CliError::new(format!("there is no CDN {label}")));
            }
            context.print(&json!({ "removed": label }), || format!("removed {label}"))
        }
        CdnCommand::Sign(args) => sign::run(context, args).await,
        CdnCommand::Signing(args) => signing::run(context, args).await,
        CdnCommand::Check { label, path } => check::run(context, label, path).await,
    }
}

fn read_bundle(file: &Path) -> Result<CertificateBundle, CliError> {
    let read = parse_certificate(&read_pem(file)?);
    read.map_err(|_| {
        CliError::new(format!(
            "{} holds no certificate that can be read",
            file.display()
        ))
    })
}

async fn set(context: &Context, args: &SetArgs) -> Result<(), CliError> {
    let http = context.config.import.http_cdn();
    let url = args
        .url
        .as_ref()
        .map(|url| parse_cdn_url("--url", url, http));
    let certificate = args.certificate.as_deref().map(read_bundle).transpose()?;
    let change = CdnChange {
        name: args.name.clone().map(Some).or(args.no_name.then_some(None)),
        url: url.transpose()?,
        certificate: certificate
            .map(Some)
            .or(args.no_certificate.then_some(None)),
        signing: None,
    };
    let (store, by) = (context.store().await?, context.actor());
    let changed = store.update_cdn(&args.label, &change, &by).await?;
    tell(context, changed, "changed")
}

fn tell(context: &Context, cdn: Cdn, done: &str) -> Result<(), CliError> {
    let words = line(&cdn);
    context.print(&value(cdn)?, || format!("{done} {words}"))
}

async fn list(context: &Context) -> Result<(), CliError> {
    let (store, mut cdns) = (context.store().await?, Vec::<Cdn>::new());
    loop {
        let after = cdns.last().map(|cdn| cdn.label.to_string());
        let page = store.cdns(after.as_deref(), 1000).await?;
        cdns.extend(page.items);
        if !page.more {
            break;
        }
    }
    let lines: Vec<String> = cdns.iter().map(line).collect();
    let values: Result<Vec<Value>, _> = cdns.into_iter().map(value).collect();
    context.print(&Value::Array(values?), || {
        if lines.is_empty() {
            "no CDNs yet: portolan cdn add LABEL --url URL".to_owned()
        } else {
            lines.join("\n")
        }
    })
}

fn value(cdn: Cdn) -> Result<Value, CliError> {
    serde_json::to_value(View::from(cdn)).map_err(|error| CliError::new(error.to_string()))
}

fn line(cdn: &Cdn) -> String {
    let certificate = cdn
        .certificate
        .as_ref()
        .map_or("", |_| " with its own certificate");
    let name = cdn.name.as_ref().map(|name| format!(" ({name})"));
    format!(
        "{:24} {}{certificate}{}",
        cdn.label,
        cdn.url,
        name.unwrap_or_default()
    )
}
