//! `portolan export` and `portolan signing-ca`: manifests out of this machine's database, for an
//! instance downstream.

use std::{
    collections::BTreeSet,
    io::{self, BufWriter},
    path::{Path, PathBuf},
};

use clap::Args;
use portolan_domain::{
    cdn_url::CdnUrl,
    ids::{CdnLabel, EntitlementId, OwnerKey},
};
use serde_json::json;

use super::{context::Context, error::CliError};
use crate::{
    export::{Export, ExportOptions, ExportScheme},
    problem::Problem,
    routes::owners::DisplayName,
    state::AppState,
};

/// What an export takes.
#[derive(Args)]
pub struct ExportArgs {
    /// Whose content
    #[arg(long)]
    owner: OwnerKey,
    /// The manifest to write, mode 0600; - for standard output
    #[arg(long, short)]
    out: PathBuf,
    /// The CDN's base URL in the manifest [default: where the content is now]
    #[arg(long)]
    cdn_url: Option<String>,
    /// The CDN's label in the manifest
    #[arg(long)]
    cdn_label: Option<CdnLabel>,
    /// The name of the exported consumer [default: the owner's]
    #[arg(long, value_parser = display_name)]
    name: Option<DisplayName>,
    /// An entitlement to export; repeat for more [default: all]
    #[arg(long)]
    entitlement: Vec<EntitlementId>,
    /// How it is signed
    #[arg(long, default_value = "legacy")]
    scheme: ExportScheme,
}

fn display_name(text: &str) -> Result<DisplayName, &'static str> {
    text.to_owned().try_into()
}

/// Runs `portolan export`.
pub async fn run(context: &Context, args: &ExportArgs) -> Result<(), CliError> {
    let state = context.state().await?;
    let options = options(context, &state, args)?;
    let export = state.exporter.export(&args.owner, options).await;
    let export = export.map_err(Problem::from)?;
    let entitlements = export.entitlements;
    let out = args.out.clone();
    let written = tokio::task::spawn_blocking(move || write(export, &out));
    written
        .await
        .map_err(|error| CliError::new(error.to_string()))??;
    if args.out == Path::new("-") {
        return Ok(());
    }
    let value = json!({ "file": args.out, "entitlements": entitlements });
    context.print(&value, || {
        let file = args.out.display();
        format!(
            "wrote {file}: {entitlements} entitlements, with their private keys. The importer trusts \
             it with what portolan signing-ca prints"
        )
    })
}

/// Runs `portolan signing-ca`.
pub async fn signing_ca(context: &Context) -> Result<(), CliError> {
    let state = context.state().await?;
    let certificates = state.signing.certificates().await;
    let certificates = certificates.map_err(Problem::from)?;
    let value = json!({ "pem": certificates.pem });
    context.print(&value, || certificates.pem.trim_end().to_owned())
}

fn options(
    context: &Context,
    state: &AppState,
    args: &ExportArgs,
) -> Result<ExportOptions, CliError> {
    let url = |text: &String| CdnUrl::parse(text, state.importer.http_cdn());
    let cdn_url = args.cdn_url.as_ref().map(url).transpose();
    let only: BTreeSet<EntitlementId> = args.entitlement.iter().cloned().collect();
    Ok(ExportOptions {
        cdn_url: cdn_url.map_err(|why| CliError::new(format!("--cdn-url {why}")))?,
        cdn_label: args.cdn_label.clone(),
        name: args.name.as_ref().map(|name| name.as_str().to_owned()),
        only: (!only.is_empty()).then_some(only),
        scheme: args.scheme,
        by: context.actor(),
    })
}

/// Writes it beside its final place, and renames it when it is whole.
fn write(export: Export, out: &Path) -> Result<(), CliError> {
    if out == Path::new("-") {
        return Ok(export.write(BufWriter::new(io::stdout().lock()))?);
    }
    let shown = out.display();
    let fault = |error: io::Error| CliError::new(format!("{shown} cannot be written: {error}"));
    let folder = out
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // Mode 0600, and so it stays: private keys are in it.
    let draft = tempfile::NamedTempFile::new_in(folder).map_err(fault)?;
    export.write(BufWriter::new(draft.as_file()))?;
    draft.as_file().sync_all().map_err(fault)?;
    draft.persist(out).map_err(|error| fault(error.error))?;
    Ok(())
}
