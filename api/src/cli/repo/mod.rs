//! `portolan repo`: OSTree repositories, in this machine's database; a scan also over a server.

mod scan;

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use portolan_domain::{
    ids::{CollectionId, OwnerKey, RepoName},
    repo::{RepoSettings, TokenType},
};
use portolan_storage::{NewRepo, Repo};
use serde_json::{Value, json};

use super::{context::Context, entitlement::as_json, error::CliError};
use crate::view::Repo as View;

/// What can be done with repositories.
#[derive(Subcommand)]
pub enum RepoCommand {
    /// List the repositories
    List,
    /// Make a repository known, or change it; its commits stay
    Add {
        /// Its name: the segment before objects/ or deltas/ in its URLs
        name: RepoName,
        /// Whose it is
        #[arg(long)]
        owner: OwnerKey,
        /// The collection whose refs it has, such as org.example.Stable
        #[arg(long)]
        collection: CollectionId,
        #[command(flatten)]
        types: Types,
    },
    /// Forget a repository and its commits: edges refuse its URLs from now on
    Remove {
        /// Its name
        name: RepoName,
    },
    /// Read a real OSTree repository, and tell of all its commits
    Scan(scan::ScanArgs),
}

/// Which commits need a token.
#[derive(Args)]
pub struct Types {
    /// Commits of this token type need a token; may be repeated [default: none does]
    #[arg(long = "require-token-type", value_name = "TYPE", value_parser = token_type)]
    required: Vec<TokenType>,
    /// The token type of a commit that says none
    #[arg(long, value_name = "TYPE", default_value = "0", value_parser = token_type)]
    default_token_type: TokenType,
}

impl Types {
    fn settings(&self, collection: CollectionId) -> RepoSettings {
        RepoSettings {
            collection,
            require_auth_for_token_types: BTreeSet::from_iter(self.required.clone()),
            default_token_type: self.default_token_type,
        }
    }
}

fn token_type(text: &str) -> Result<TokenType, String> {
    let number: i64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    number.try_into().map_err(|error| format!("{error}"))
}

/// Runs a command.
pub async fn run(context: &Context, command: &RepoCommand) -> Result<(), CliError> {
    match command {
        RepoCommand::List => list(context).await,
        RepoCommand::Add {
            name,
            owner,
            collection,
            types,
        } => {
            let new = NewRepo {
                name: name.clone(),
                owner: owner.clone(),
                settings: types.settings(collection.clone()),
            };
            let store = context.store().await?;
            let stored = store.put_repo(&new, &context.actor()).await?;
            let words = line(&stored);
            context.print(&as_json(&View::from(stored))?, || words)
        }
        RepoCommand::Remove { name } => {
            let (store, by) = (context.store().await?, context.actor());
            let found = store.repo(name).await?;
            let found =
                found.ok_or_else(|| CliError::new(format!("there is no repository {name}")))?;
            store.delete_repo(&found.owner, name, &by).await?;
            context.print(&json!({ "removed": name }), || format!("removed {name}"))
        }
        RepoCommand::Scan(args) => scan::run(context, args).await,
    }
}

async fn list(context: &Context) -> Result<(), CliError> {
    let (store, mut repos) = (context.store().await?, Vec::<Repo>::new());
    loop {
        let after = repos.last().map(|repo| repo.name.clone());
        let page = store.repos(None, after.as_ref(), 1000).await?;
        repos.extend(page.items);
        if !page.more {
            break;
        }
    }
    let lines: Vec<String> = repos.iter().map(line).collect();
    let values: Result<Vec<Value>, _> = repos
        .into_iter()
        .map(View::from)
        .map(|repo| as_json(&repo))
        .collect();
    context.print(&Value::Array(values?), || {
        if lines.is_empty() {
            "no repositories yet: portolan repo add NAME --owner KEY --collection ID".to_owned()
        } else {
            lines.join("\n")
        }
    })
}

fn line(repo: &Repo) -> String {
    let settings = &repo.settings;
    let required = settings.require_auth_for_token_types.iter();
    let required: Vec<String> = required.map(ToString::to_string).collect();
    let tokens = if required.is_empty() {
        "no tokens".to_owned()
    } else {
        format!("tokens for type {}", required.join(", "))
    };
    let default = settings.default_token_type;
    format!(
        "{:24} of {}, {}, {tokens}, default type {default}",
        repo.name, repo.owner, settings.collection
    )
}
