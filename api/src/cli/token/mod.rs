//! `portolan token`: tokens that are made by hand.

mod create;

use clap::Subcommand;

use super::{context::Context, error::CliError};

/// What can be done with tokens.
#[derive(Subcommand)]
pub enum TokenCommand {
    /// Make a first token, and print it alone: it is kept nowhere
    Create(Box<create::CreateArgs>),
}

/// Runs a command.
pub async fn run(context: &Context, command: &TokenCommand) -> Result<(), CliError> {
    match command {
        TokenCommand::Create(args) => create::run(context, args).await,
    }
}
