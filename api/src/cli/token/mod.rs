//! `portolan token`: tokens that are made by hand, those that somebody brings, and the revocation of any.

mod create;
mod list;
mod revoke;
mod verify;

use clap::Subcommand;

use super::{context::Context, error::CliError};

/// What can be done with tokens.
#[derive(Subcommand)]
pub enum TokenCommand {
    /// Make a first token, and print it alone: it is kept nowhere
    Create(Box<create::CreateArgs>),
    /// List the tokens that were made by hand, and those that were revoked by their ids
    List,
    /// Revoke tokens, on every node within a second
    Revoke(revoke::RevokeArgs),
    /// Say whether a ref token is for a ref, and why not. It needs no server and no database: only the
    /// server's public keys, from /.well-known/jwks.json. What was revoked it cannot know
    Verify(Box<verify::VerifyArgs>),
}

/// Runs a command.
pub async fn run(context: &Context, command: &TokenCommand) -> Result<(), CliError> {
    match command {
        TokenCommand::Create(args) => create::run(context, args).await,
        TokenCommand::List => list::run(context).await,
        TokenCommand::Revoke(args) => revoke::run(context, args).await,
        TokenCommand::Verify(args) => verify::run(context, args),
    }
}
