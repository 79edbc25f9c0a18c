//! `portolan cdn signing`: with which key URLs of a CDN are signed, and for whom. The key comes from a
//! file: arguments are seen by everybody on the machine.

use std::path::{Path, PathBuf};

use clap::Args;
use portolan_domain::{
    ids::CdnLabel,
    signed_url::{SigningAllow, SigningHash, SigningKind, SigningSecret},
};
use portolan_storage::{Cdn, CdnChange, SigningChange};
use zeroize::Zeroizing;

use super::value;
use crate::cli::{context::Context, error::CliError};

/// How URLs are to be signed; without a flag, how they are.
#[derive(Args)]
pub struct SigningArgs {
    /// The CDN's label
    label: CdnLabel,
    /// The kind of its signatures: akamai, cloudfront, fastly, bunny, cloudflare or nginx
    #[arg(long, value_parser = kind)]
    kind: Option<SigningKind>,
    /// What the CDN calls the key; cloudfront needs it
    #[arg(long, requires = "kind")]
    key_id: Option<String>,
    /// A file with the key [default: the one that is there, of the same kind]
    #[arg(long, requires = "kind")]
    secret_file: Option<PathBuf>,
    /// The digest, sha1 or sha256, where fastly and cloudfront leave the choice
    #[arg(long, requires = "kind", value_parser = hash)]
    hash: Option<SigningHash>,
    /// What may be signed for an owner: OWNER=PREFIX; repeat for more [default: what is there]
    #[arg(long, requires = "kind", value_parser = allow)]
    allow: Vec<SigningAllow>,
    /// Nothing may be signed for any owner
    #[arg(long, requires = "kind", conflicts_with = "allow")]
    no_allow: bool,
    /// Sign no more URLs, and forget the key
    #[arg(long, conflicts_with = "kind")]
    remove: bool,
}

fn kind(text: &str) -> Result<SigningKind, String> {
    SigningKind::from_name(text).ok_or_else(|| {
        let names: Vec<_> = SigningKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("must be one of {}", names.join(", "))
    })
}

fn hash(text: &str) -> Result<SigningHash, &'static str> {
    SigningHash::from_name(text).ok_or("must be sha1 or sha256")
}

fn allow(text: &str) -> Result<SigningAllow, String> {
    let (owner, prefix) = text.split_once('=').ok_or("must be OWNER=PREFIX")?;
    let owner = owner.parse().map_err(|why| format!("{why}"))?;
    let prefix = prefix.parse().map_err(|why| format!("the prefix {why}"))?;
    Ok(SigningAllow { owner, prefix })
}

/// Runs the command.
pub async fn run(context: &Context, args: &SigningArgs) -> Result<(), CliError> {
    let store = context.store().await?;
    let change = match args.kind {
        Some(kind) => Some(Some(change(kind, args)?)),
        None => args.remove.then_some(None),
    };
    let cdn = if change.is_some() {
        let change = CdnChange {
            signing: change,
            ..CdnChange::default()
        };
        let by = context.actor();
        store.update_cdn(&args.label, &change, &by).await?
    } else {
        store.cdn(&args.label).await?
    };
    context.print(&value(cdn.clone())?, || in_words(&cdn))
}

fn change(kind: SigningKind, args: &SigningArgs) -> Result<SigningChange, CliError> {
    let allow = (!args.allow.is_empty() || args.no_allow).then(|| args.allow.clone());
    Ok(SigningChange {
        kind,
        key_id: args.key_id.clone(),
        hash: args.hash,
        secret: args.secret_file.as_deref().map(read).transpose()?,
        allow,
    })
}

/// A file's text, without the line's end that editors put there.
fn read(file: &Path) -> Result<SigningSecret, CliError> {
    let fault = |why: String| CliError::new(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| fault(error.to_string()))?;
    let text = Zeroizing::new(text);
    Ok(SigningSecret::new(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}

fn in_words(cdn: &Cdn) -> String {
    let Some(signing) = &cdn.signing else {
        return format!("{}: URLs are not signed", cdn.label);
    };
    let key = signing.key_id.as_ref();
    let key = key.map(|id| format!(" with the key {id}"));
    let mut lines = vec![format!(
        "{}: {} signs URLs{}",
        cdn.label,
        signing.kind,
        key.unwrap_or_default()
    )];
    for allow in &signing.allow {
        lines.push(format!("  for {:24} below {}", allow.owner, allow.prefix));
    }
    lines.join("\n")
}
