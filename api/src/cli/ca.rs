//! `portolan ca`: upstream CAs in the database. Files of the directory are managed as files.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use portolan_domain::{
    ids::{CaFilename, OwnerKey},
    trust::{Anchor, AnchorSettings, AnchorSource, Certificate, certificates_pem},
};
use portolan_storage::StoredCa;
use serde_json::{Value, json};

use super::{context::Context, error::CliError};
use crate::{routes::upstream_cas::Orphans, view::Timestamp};

/// What can be done with upstream CAs.
#[derive(Subcommand)]
pub enum CaCommand {
    /// Trust the certificates of a file
    Add {
        /// The file, PEM
        file: PathBuf,
        /// The CA's name [default: the file's]
        #[arg(long)]
        name: Option<CaFilename>,
        /// It verifies only archives with scheme.json
        #[arg(long)]
        require_scheme: bool,
        /// An owner whose manifests it verifies; repeat for more [default: all owners]
        #[arg(long)]
        owner: Vec<OwnerKey>,
    },
    /// List all CAs, those of the directory included
    List,
    /// Remove a CA that was added, and name the owners whose CA is MISSING then
    Remove {
        /// Its name
        name: CaFilename,
        /// Only name them; for a file of the directory too
        #[arg(long)]
        dry_run: bool,
    },
}

/// Runs a command.
pub async fn run(context: &Context, command: &CaCommand) -> Result<(), CliError> {
    match command {
        CaCommand::Add {
            file,
            name,
            require_scheme,
            owner,
        } => {
            let pem = read_pem(file)?;
            let own_name = file
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let name = name.clone().map_or_else(|| own_name.parse(), Ok);
            let ca = StoredCa {
                filename: name.map_err(|error| CliError::new(error.to_string()))?,
                pem,
                settings: AnchorSettings {
                    require_scheme: *require_scheme,
                    owners: (!owner.is_empty()).then(|| owner.iter().cloned().collect()),
                },
            };
            add(context, &ca).await
        }
        CaCommand::List => list(context).await,
        CaCommand::Remove { name, dry_run } => remove(context, name, *dry_run).await,
    }
}

/// A file's certificates as PEM; DER is written anew.
pub fn read_pem(file: &Path) -> Result<String, CliError> {
    let fault = |why: String| CliError::new(format!("{}: {why}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| fault(error.to_string()))?;
    if let Ok(text) = String::from_utf8(bytes.clone()) {
        return Ok(text);
    }
    let certificate = Certificate::from_der(&bytes).map_err(|error| fault(error.to_string()))?;
    certificate
        .to_pem()
        .map_err(|error| fault(error.to_string()))
}

async fn add(context: &Context, ca: &StoredCa) -> Result<(), CliError> {
    let (source, pem) = (AnchorSource::Database, ca.pem.as_bytes());
    let anchors = Anchor::from_file(&ca.filename, source, pem, &ca.settings)
        .map_err(|fault| CliError::new(fault.to_string()))?;
    let state = context.state().await?;
    state.anchors.reload().await?;
    if state
        .anchors
        .current()
        .iter()
        .any(|anchor| anchor.filename == ca.filename)
    {
        return Err(CliError::new(format!(
            "there is an upstream CA {} already",
            ca.filename
        )));
    }
    let pem = certificates_pem(&anchors).map_err(|error| CliError::new(error.to_string()))?;
    let ca = &StoredCa { pem, ..ca.clone() };
    state.store.add_upstream_ca(ca, &context.actor()).await?;
    let values: Value = anchors.iter().map(shown).collect();
    context.print(&values, || {
        let subjects: Vec<_> = anchors.iter().map(|a| a.certificate.subject()).collect();
        format!("trusting {}: {}", ca.filename, subjects.join("; "))
    })
}

async fn list(context: &Context) -> Result<(), CliError> {
    let state = context.state().await?;
    state.anchors.reload().await?;
    let anchors = state.anchors.current();
    let values: Value = anchors.iter().map(shown).collect();
    context.print(&values, || {
        let lines: Vec<String> = anchors.iter().map(line).collect();
        if lines.is_empty() {
            "no upstream CAs yet: portolan ca add FILE".to_owned()
        } else {
            lines.join("\n")
        }
    })
}

async fn remove(context: &Context, name: &CaFilename, dry_run: bool) -> Result<(), CliError> {
    let state = context.state().await?;
    let Orphans { orphaned, .. } = Orphans::of(&state, name).await?;
    let value = |done: &str| json!({ done: name, "orphaned": orphaned });
    let whom = orphaned.iter().map(|orphan| {
        let consumer = orphan.name.as_deref().unwrap_or_default();
        format!("\n  {} ({} {consumer})", orphan.owner_key, orphan.uuid)
    });
    let whom = match orphaned.len() {
        0 => ": nobody is left without a CA".to_owned(),
        _ => format!(
            "; without a CA, until it is back:{}",
            whom.collect::<String>()
        ),
    };
    if dry_run {
        return context.print(&value("filename"), || {
            format!("{name} would be removed{whom}")
        });
    }
    if !state
        .store
        .remove_upstream_ca(name, &context.actor())
        .await?
    {
        let why = "is not in the database; a CA of the directory is removed with its file";
        return Err(CliError::new(format!("{name} {why}")));
    }
    context.print(&value("removed"), || format!("removed {name}{whom}"))
}

fn shown(anchor: &Anchor) -> Value {
    let certificate = &anchor.certificate;
    json!({
        "filename": anchor.filename, "subject": certificate.subject(),
        "sha256": certificate.sha256().to_string(),
        "notAfter": Timestamp(certificate.not_after()).to_string(),
        "requireScheme": anchor.settings.require_scheme, "owners": anchor.settings.owners,
    })
}

fn line(anchor: &Anchor) -> String {
    let certificate = &anchor.certificate;
    let until = Timestamp(certificate.not_after());
    format!(
        "{:32} until {until} {}",
        anchor.filename,
        certificate.subject()
    )
}
