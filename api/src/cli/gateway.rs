//! `portolan gateway`: the container gateway's own users, and what a registry trusts.

use std::{
    io::{self, Read},
    path::PathBuf,
};

use clap::Subcommand;
use portolan_domain::gateway::is_name;
use portolan_storage::GatewayAccount;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::{
    context::Context,
    error::{CliError, print_line},
};
use crate::gateway::hash_password;

/// Bytes of a password at most, with its line's end.
const LONGEST: u64 = 1026;

/// What can be done with the gateway.
#[derive(Subcommand)]
pub enum GatewayCommand {
    /// Users whose passwords are known here
    #[command(subcommand)]
    User(UserCommand),
    /// Write the certificates by which a registry verifies tokens (its auth.token.rootcertbundle)
    Rootcert {
        /// Where to [default: standard output]
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

/// What can be done with its users.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Let a user log in; one who can already gets this password, and must log in again
    Add {
        /// The user's name
        name: String,
        /// Read the password from standard input: its first line
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// List the users
    List,
    /// Let a user log in no more; the tokens that were given are ended
    Remove {
        /// The user's name
        name: String,
    },
}

/// Runs a command.
pub async fn run(context: &Context, command: &GatewayCommand) -> Result<(), CliError> {
    match command {
        GatewayCommand::User(command) => run_user(context, command).await,
        GatewayCommand::Rootcert { out } => {
            // Rare, and large.
            Box::pin(rootcert(context, out.as_ref())).await
        }
    }
}

async fn run_user(context: &Context, command: &UserCommand) -> Result<(), CliError> {
    match command {
        UserCommand::Add { name, .. } => add(context, name).await,
        UserCommand::List => {
            let users = context.store().await?.gateway_accounts().await?;
            let values: Value = users.iter().map(shown).collect();
            context.print(&values, || {
                let lines: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
                if lines.is_empty() {
                    "no users yet: portolan gateway user add NAME --password-stdin".to_owned()
                } else {
                    lines.join("\n")
                }
            })
        }
        UserCommand::Remove { name } => {
            let store = context.store().await?;
            store.delete_gateway_account(name, &context.actor()).await?;
            context.print(&json!({ "removed": name }), || {
                format!("{name} cannot log in any more")
            })
        }
    }
}

fn shown(user: &GatewayAccount) -> Value {
    let since = user.created_at.format(&Rfc3339).unwrap_or_default();
    json!({ "name": user.name, "createdAt": since })
}

async fn add(context: &Context, name: &str) -> Result<(), CliError> {
    if !is_name(name) || name.contains(':') {
        // Basic credentials end the name at a colon (RFC 7617, section 2).
        let why =
            "a user's name must have 1 to 255 bytes, no blanks, no control characters and no colon";
        return Err(CliError::new(why));
    }
    let password = read_password(io::stdin().lock())?;
    let hash = hash_password(&password).map_err(CliError::new)?;
    let store = context.store().await?;
    store
        .put_gateway_account(name, hash.as_str(), &context.actor())
        .await?;
    context.print(&json!({ "name": name }), || format!("{name} can log in"))
}

/// The first line.
fn read_password(input: impl Read) -> Result<Zeroizing<String>, CliError> {
    let mut text = Zeroizing::new(String::new());
    let read = input.take(LONGEST + 1).read_to_string(&mut text);
    read.map_err(|error| CliError::new(format!("the password cannot be read: {error}")))?;
    let line = text.lines().next().unwrap_or_default();
    Ok(Zeroizing::new(line.to_owned()))
}

async fn rootcert(context: &Context, out: Option<&PathBuf>) -> Result<(), CliError> {
    let state = context.state().await?;
    let bundle = state.gateway.registry.bundle().await;
    let bundle = bundle.map_err(|error| CliError::new(error.to_string()))?;
    let Some(out) = out else {
        return context.print(&json!({ "pem": bundle }), || bundle.trim_end().to_owned());
    };
    let shown = out.display();
    let written = std::fs::write(out, &bundle);
    written.map_err(|error| CliError::new(format!("{shown} cannot be written: {error}")))?;
    print_line(&format!("wrote {shown}"))
}

#[cfg(test)]
mod tests {
    use super::read_password;

    #[test]
    fn a_password_is_the_first_line() {
        for (input, password) in [
            ("secret\n", "secret"),
            ("secret", "secret"),
            ("a b \r\nc\n", "a b "),
            ("", ""),
        ] {
            assert_eq!(read_password(input.as_bytes()).unwrap().as_str(), password);
        }
    }
}
