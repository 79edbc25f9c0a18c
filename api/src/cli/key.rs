//! `portolan key`: API keys.

use clap::{Subcommand, ValueEnum};
use portolan_domain::ids::OwnerKey;
use portolan_storage::{ApiKey, NewApiKey, Role};
use serde_json::{Value, json};

use super::{
    context::Context,
    error::{CliError, print_line},
};
use crate::{auth::Secret, view::Timestamp};

/// What can be done with keys.
#[derive(Subcommand)]
pub enum KeyCommand {
    /// Make a key, and print it alone: it is shown only now
    Create {
        /// What it may do
        #[arg(long)]
        role: RoleName,
        /// An owner to bind it to; repeat for more [default: all owners]
        #[arg(long)]
        owner: Vec<OwnerKey>,
        /// Its name, by which it is revoked [default: the role and a number]
        #[arg(long)]
        name: Option<String>,
    },
    /// List the keys, without their secrets
    List,
    /// Revoke a key; that counts within a second
    Revoke {
        /// Its name
        name: String,
    },
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
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Admin => Self::Admin,
            RoleName::Manager => Self::Manager,
            RoleName::Proxy => Self::Proxy,
        }
    }
}

/// Runs a command.
pub async fn run(context: &Context, command: &KeyCommand) -> Result<(), CliError> {
    match command {
        KeyCommand::Create { role, owner, name } => {
            create(context, (*role).into(), owner, name.as_deref()).await
        }
        KeyCommand::List => list(context).await,
        KeyCommand::Revoke { name } => {
            context.store().await?.revoke_api_key(name).await?;
            context.print(&json!({ "revoked": name }), || format!("revoked {name}"))
        }
    }
}

/// A new key's text.
pub fn generate() -> Result<Secret, CliError> {
    Secret::generate().map_err(|error| CliError::new(format!("no randomness: {error}")))
}

async fn create(
    context: &Context,
    role: Role,
    owners: &[OwnerKey],
    name: Option<&str>,
) -> Result<(), CliError> {
    if role == Role::Admin && !owners.is_empty() {
        return Err(CliError::new(
            "an admin key counts for all owners; leave --owner out",
        ));
    }
    if name
        .is_some_and(|name| name.len() > 255 || name.is_empty() || name.contains(char::is_control))
    {
        return Err(CliError::new(
            "a key's name must be 1 to 255 printable characters",
        ));
    }
    let store = context.store().await?;
    let secret = generate()?;
    let default = format!("{}-{}", role.as_str(), &secret.sha256().to_string()[..8]);
    let key = NewApiKey {
        name: name.unwrap_or(&default),
        role,
        owners,
        secret_sha256: secret.sha256(),
    };
    let stored = store.create_api_key(&key, context.clock.now()).await?;
    if context.json {
        let mut value = shown(&stored);
        value["key"] = secret.expose().into();
        return print_line(&value.to_string());
    }
    print_line(secret.expose())
}

async fn list(context: &Context) -> Result<(), CliError> {
    let keys = context.store().await?.api_keys().await?;
    let values: Value = keys.iter().map(shown).collect();
    context.print(&values, || {
        let lines: Vec<String> = keys.iter().map(line).collect();
        if lines.is_empty() {
            "no keys yet: portolan key create --role admin".to_owned()
        } else {
            lines.join("\n")
        }
    })
}

fn shown(key: &ApiKey) -> Value {
    let owners: Vec<&str> = key.owners.iter().map(OwnerKey::as_str).collect();
    json!({
        "name": key.name, "role": key.role.as_str(), "owners": owners,
        "created": Timestamp(key.created_at).to_string(),
    })
}

fn line(key: &ApiKey) -> String {
    let owners: Vec<&str> = key.owners.iter().map(OwnerKey::as_str).collect();
    let owners = if owners.is_empty() {
        "all owners".to_owned()
    } else {
        owners.join(", ")
    };
    format!(
        "{:24} {:8} {:24} {owners}",
        key.name,
        key.role.as_str(),
        Timestamp(key.created_at)
    )
}
