//! The command line: for people on a terminal, with `--json` for programs.
//!
//! Exit status: 0 done, 1 refused, 2 wrong use.

#![expect(
    clippy::doc_markdown,
    reason = "help texts are shown as they are written"
)]

mod audit;
mod ca;
mod cdn;
mod context;
mod db;
mod demo;
mod entitlement;
mod error;
mod expirations;
mod export;
mod first_key;
mod gateway;
mod grant;
mod history;
mod import;
mod job;
mod key;
mod log;
mod manifest;
mod master_key;
mod owner;
mod plan;
mod remote;
mod repo;
mod serve;
mod signing_key;
mod token;
mod webhook;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use self::{context::Context, error::CliError, master_key::MasterKeyCommand};
use crate::config::{Config, Overrides};

/// Imports signed subscription manifests and answers where content is, with which certificate,
/// and who may have it.
#[derive(Parser)]
#[command(name = "portolan", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Args)]
struct Global {
    /// Where the embedded database, its master key and the upstream CAs are
    #[arg(
        long,
        global = true,
        env = "PORTOLAN_DATA_DIR",
        default_value = "portolan-data"
    )]
    data_dir: PathBuf,
    /// The configuration file [default: portolan.toml in the data directory, where there is one]
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME [default: SQLite in the data directory]
    #[arg(long, global = true, hide_env_values = true)]
    database_url: Option<String>,
    /// Address and port to listen on [default: 127.0.0.1:7080]
    #[arg(long, global = true)]
    listen: Option<String>,
    /// The directory of upstream CAs; it is watched [default: upstream-cas in the data directory]
    #[arg(long, global = true)]
    upstream_ca_dir: Option<PathBuf>,
    /// Print results as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service
    Serve,
    /// Show the main job on a fresh database: make a manifest, import it, ask for it
    Demo(demo::DemoArgs),
    /// Import a manifest, into this machine's database or over a server
    Import(import::ImportArgs),
    /// What an owner imported, and undoing it
    #[command(subcommand)]
    History(history::HistoryCommand),
    /// Entitlements: those of manifests, and those that are registered here
    #[command(subcommand)]
    Entitlement(entitlement::EntitlementCommand),
    /// Which user may have which refs
    #[command(subcommand)]
    Grant(grant::GrantCommand),
    /// Write a manifest of what an owner has imported, for an instance downstream
    Export(export::ExportArgs),
    /// Print the CAs that sign exports: an instance downstream installs them
    SigningCa,
    /// Verify, inspect or make manifests
    #[command(subcommand)]
    Manifest(manifest::ManifestCommand),
    /// Owners (tenants)
    #[command(subcommand)]
    Owner(owner::OwnerCommand),
    /// Upstream CAs: who is trusted to sign manifests
    #[command(subcommand)]
    Ca(ca::CaCommand),
    /// CDNs: where content is
    #[command(subcommand)]
    Cdn(cdn::CdnCommand),
    /// OSTree repositories: which ref a commit is of
    #[command(subcommand)]
    Repo(repo::RepoCommand),
    /// API keys, OAuth consumers and client certificates: who may call
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// The keys that sign tokens
    #[command(subcommand)]
    SigningKey(signing_key::SigningKeyCommand),
    /// The container gateway: its users, and what a registry trusts
    #[command(subcommand)]
    Gateway(gateway::GatewayCommand),
    /// Tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// The master key, which seals all private keys in the database
    #[command(subcommand)]
    MasterKey(MasterKeyCommand),
    /// Imports that run without their client
    #[command(subcommand)]
    Job(job::JobCommand),
    /// The log of who did what
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Certificates that end soon
    Expirations(expirations::ExpirationsArgs),
    /// The receiver of what happens
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// The database
    #[command(subcommand)]
    Db(db::DbCommand),
    /// The configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the OpenAPI document
    Openapi,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check the configuration and print what counts
    Check,
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.global.json;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(run(cli));
            // A blocking thread that hangs must not keep the program.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(CliError::new(format!("the runtime cannot start: {error}"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.report(json);
            ExitCode::from(1)
        }
    }
}

async fn run(cli: Cli) -> Result<(), CliError> {
    let global = cli.global;
    if let Command::Openapi = cli.command {
        let document = crate::router::document().to_pretty_json();
        let document = document.map_err(|error| CliError::new(error.to_string()))?;
        return error::print_line(&document);
    }
    if let Command::MasterKey(MasterKeyCommand::Create { file }) = &cli.command {
        return master_key::create(file);
    }
    let overrides = Overrides {
        file: global.config,
        database_url: global.database_url,
        listen: global.listen,
        upstream_ca_dir: global.upstream_ca_dir,
    };
    let data_dir = global.data_dir;
    // A demo never touches what is here: it has a directory and a configuration of its own.
    let config = match &cli.command {
        Command::Demo(_) => Config::for_directory(&data_dir, overrides.listen.as_deref())?,
        _ => Config::load(&data_dir, &overrides)?,
    };
    let telemetry = log::start(&config, matches!(cli.command, Command::Serve))?;
    let context = Context::new(data_dir, config, global.json);
    let done = Box::pin(dispatch(&context, cli.command)).await;
    context.close().await;
    if let Some(telemetry) = telemetry {
        // It waits for the collector.
        let _ = tokio::task::spawn_blocking(|| telemetry.end()).await;
    }
    done
}

async fn dispatch(context: &Context, command: Command) -> Result<(), CliError> {
    match command {
        Command::Serve => Box::pin(serve::run(context)).await,
        Command::Demo(args) => demo::run(context, &args).await,
        Command::Import(args) => import::run(context, &args).await,
        Command::History(command) => history::run(context, &command).await,
        Command::Entitlement(command) => entitlement::run(context, &command).await,
        Command::Grant(command) => grant::run(context, &command).await,
        Command::Export(args) => export::run(context, &args).await,
        Command::SigningCa => export::signing_ca(context).await,
        Command::Manifest(command) => manifest::run(context, &command),
        Command::Owner(command) => owner::run(context, &command).await,
        Command::Ca(command) => ca::run(context, &command).await,
        Command::Cdn(command) => cdn::run(context, &command).await,
        Command::Repo(command) => repo::run(context, &command).await,
        Command::Key(command) => key::run(context, &command).await,
        Command::SigningKey(command) => signing_key::run(context, &command).await,
        Command::Gateway(command) => gateway::run(context, &command).await,
        Command::Token(command) => token::run(context, &command).await,
        Command::Job(command) => job::run(context, &command).await,
        Command::Db(command) => db::run(context, &command).await,
        Command::Config(ConfigCommand::Check) => {
            serve::check_files(&context.config)?;
            context.print_config()
        }
        Command::Audit(command) => audit::run(context, &command).await,
        Command::Expirations(args) => expirations::run(context, &args).await,
        Command::Webhook(command) => webhook::run(context, &command).await,
        Command::MasterKey(MasterKeyCommand::Rotate { prepare }) => {
            master_key::rotate(context, prepare).await
        }
        Command::MasterKey(MasterKeyCommand::Create { .. }) | Command::Openapi => Ok(()),
    }
}
