//! `portolan key`: API keys, OAuth consumers and client certificates.

mod create;
mod lifetime;

use clap::{Args, Subcommand, ValueEnum};
use portolan_domain::{digest::Sha256Digest, distinguished_name::DistinguishedName, ids::OwnerKey};
use portolan_storage::{Credential, Role};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    context::Context,
    error::{CliError, print_line},
};
use crate::view::Timestamp;

pub use create::generate;

/// What can be done with credentials.
#[derive(Subcommand)]
pub enum KeyCommand {
    /// Make a key, and print it alone: it is shown only now
    Create(CreateArgs),
    /// List keys, OAuth consumers and client certificates, without their secrets
    List,
    /// Revoke one; that counts within a second
    Revoke {
        /// Its name
        name: String,
    },
}

/// What a credential is made of.
#[derive(Args)]
pub struct CreateArgs {
    /// What it may do
    #[arg(long)]
    role: RoleName,
    /// An owner to bind it to; repeat for more [default: all owners]
    #[arg(long)]
    owner: Vec<OwnerKey>,
    /// Its name, by which it is revoked [default: the role and a number]
    #[arg(long)]
    name: Option<String>,
    /// When it ends: an instant (2027-01-31T00:00:00Z), a date, or from now (90d, 12h) [default: never]
    #[arg(long, value_parser = lifetime::parse)]
    expires: Option<lifetime::Expiry>,
    #[command(flatten)]
    kind: KindArgs,
}

/// What it is known by, where that is no API key.
#[derive(Args)]
#[group(multiple = false)]
struct KindArgs {
    /// Make an OAuth 1.0a consumer, and print its key and its secret, a blank between
    #[arg(long)]
    oauth: bool,
    /// A client certificate, from its file (PEM)
    #[arg(long, value_name = "FILE")]
    certificate: Option<std::path::PathBuf>,
    /// A client certificate, by the SHA-256 of its DER form in hexadecimal
    #[arg(long, value_name = "SHA256", value_parser = fingerprint)]
    fingerprint: Option<Sha256Digest>,
    /// The subject of client certificates that http.client_ca_file vouches for (CN=proxy,O=ACME)
    #[arg(long, value_name = "DN")]
    subject: Option<DistinguishedName>,
}

/// As `openssl x509 -fingerprint` writes it, or without its colons.
fn fingerprint(text: &str) -> Result<Sha256Digest, String> {
    let bare = text.rsplit('=').next().unwrap_or(text).replace(':', "");
    bare.parse()
        .map_err(|_| "must be a SHA-256 fingerprint, 64 hexadecimal digits".to_owned())
}

/// A role's name.
#[derive(Clone, Copy, ValueEnum)]
pub enum RoleName {
    /// Everything
    Admin,
    /// Imports and what belongs to them
    Manager,
    /// Reads what a content proxy needs
    Proxy,
    /// Makes tokens and grants
    Issuer,
    /// Reads everything but key material
    Auditor,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Admin => Self::Admin,
            RoleName::Manager => Self::Manager,
            RoleName::Proxy => Self::Proxy,
            RoleName::Issuer => Self::Issuer,
            RoleName::Auditor => Self::Auditor,
        }
    }
}

/// Runs a command.
pub async fn run(context: &Context, command: &KeyCommand) -> Result<(), CliError> {
    match command {
        KeyCommand::Create(args) => create::run(context, args).await,
        KeyCommand::List => list(context).await,
        KeyCommand::Revoke { name } => {
            let store = context.store().await?;
            store.revoke_credential(name, &context.actor()).await?;
            context.print(&json!({ "revoked": name }), || format!("revoked {name}"))
        }
    }
}

async fn list(context: &Context) -> Result<(), CliError> {
    let keys = context.store().await?.credentials().await?;
    let values: Value = keys.iter().map(shown).collect();
    context.print(&values, || {
        let now = context.clock.now();
        let lines: Vec<String> = keys.iter().map(|key| line(key, now)).collect();
        if lines.is_empty() {
            return "no keys yet: portolan key create --role admin".to_owned();
        }
        let head = format!(
            "{:24} {:8} {:11} {:20} {:20} {:20} OWNERS",
            "NAME", "ROLE", "KIND", "CREATED", "EXPIRES", "LAST USE"
        );
        format!("{head}\n{}", lines.join("\n"))
    })
}

fn shown(key: &Credential) -> Value {
    let owners: Vec<&str> = key.owners.iter().map(OwnerKey::as_str).collect();
    let instant = |at: Option<OffsetDateTime>| at.map(|at| Timestamp(at).to_string());
    json!({
        "name": key.name, "role": key.role.as_str(), "owners": owners,
        "kind": key.kind.as_str(), "identifier": key.identifier,
        "created": Timestamp(key.created_at).to_string(),
        "expires": instant(key.expires_at), "lastUsed": instant(key.last_used_at),
    })
}

fn line(key: &Credential, now: OffsetDateTime) -> String {
    let owners: Vec<&str> = key.owners.iter().map(OwnerKey::as_str).collect();
    let owners = if owners.is_empty() {
        "all owners".to_owned()
    } else {
        owners.join(", ")
    };
    let second = |at: OffsetDateTime| {
        let text = Timestamp(at).to_string();
        format!("{}Z", text.split('.').next().unwrap_or_default())
    };
    let expires = match key.expires_at {
        None => "never".to_owned(),
        Some(_) if !key.counts_at(now) => "expired".to_owned(),
        Some(end) => second(end),
    };
    let used = key.last_used_at.map_or("never".to_owned(), second);
    let identifier = key.identifier.as_ref();
    let identifier = identifier.map_or(String::new(), |text| format!("  ({text})"));
    format!(
        "{:24} {:8} {:11} {:20} {:20} {:20} {owners}{identifier}",
        key.name,
        key.role.as_str(),
        key.kind.as_str(),
        second(key.created_at),
        expires,
        used,
    )
}

/// Prints what was made: for a program with all that is known of it.
fn print_made(
    context: &Context,
    key: &Credential,
    secrets: &[(&str, &str)],
) -> Result<(), CliError> {
    if context.json {
        let mut value = shown(key);
        for (name, secret) in secrets {
            value[*name] = (*secret).into();
        }
        return print_line(&value.to_string());
    }
    let secrets: Vec<&str> = secrets.iter().map(|(_, secret)| *secret).collect();
    if secrets.is_empty() {
        print_line(&format!(
            "{} is known by {}",
            key.name,
            key.identifier.as_deref().unwrap_or("")
        ))
    } else {
        print_line(&secrets.join(" "))
    }
}
