//! `portolan repo scan`: reads a real OSTree repository, and brings what is known of its commits to that.

use std::io::Write;

use clap::Args;
use portolan_domain::ids::{CollectionId, OwnerKey, RepoName};
use portolan_storage::{BatchCounts, NewRepo, Repo};
use serde_json::{Value, json};

use super::{
    super::{context::Context, error::CliError, import::spool, remote::Remote},
    Types,
};
use crate::{
    problem::Problem,
    repos::{Scan, ScanError, Source, scan, sync_commits},
    view::BatchResult,
};

/// What is scanned, and for which repository.
#[derive(Args)]
pub struct ScanArgs {
    /// The repository's folder, or its URL
    place: String,
    /// Its name here
    #[arg(long)]
    repo: RepoName,
    /// Whose it is: makes it known where it is not yet
    #[arg(long)]
    owner: Option<OwnerKey>,
    /// Its collection [default: the one that its commits are bound to]
    #[arg(long)]
    collection: Option<CollectionId>,
    #[command(flatten)]
    types: Types,
    /// Tell a running service, at this URL, instead of this machine's database
    #[arg(long, requires = "key")]
    server: Option<String>,
    /// The API key to use there
    #[arg(long, env = "PORTOLAN_KEY", hide_env_values = true)]
    key: Option<String>,
}

/// Runs the command.
pub async fn run(context: &Context, args: &ScanArgs) -> Result<(), CliError> {
    let found = scan(&Source::of(&args.place)?).await?;
    let counts = match (&args.server, &args.key) {
        (Some(server), Some(key)) => tell_server(&Remote::new(server, key), args, &found).await?,
        _ => tell_store(context, args, &found).await?,
    };
    let value = json!({
        "refs": found.refs, "deltas": found.deltas, "commits": found.commits.len(),
        "withoutRef": found.without_ref, "collections": found.collections,
        "created": counts.created, "updated": counts.updated, "unchanged": counts.unchanged,
        "removed": counts.removed,
    });
    context.print(&value, || words(&found, &counts))
}

fn words(found: &Scan, counts: &BatchResult) -> String {
    let lost = match found.without_ref {
        0 => String::new(),
        number => format!("\n{number} commits are of no ref, and stay unknown"),
    };
    format!(
        "{} commits of {} refs, {} deltas: {} created, {} updated, {} unchanged, {} removed{lost}",
        found.commits.len(),
        found.refs,
        found.deltas,
        counts.created,
        counts.updated,
        counts.unchanged,
        counts.removed
    )
}

/// The collection that was named, else the one that all commits are bound to.
fn collection(args: &ScanArgs, found: &Scan) -> Result<CollectionId, CliError> {
    if let Some(named) = &args.collection {
        return Ok(named.clone());
    }
    let mut bound = found.collections.iter();
    match (bound.next(), bound.next()) {
        (Some(one), None) => Ok(one.clone()),
        (None, _) => Err(CliError::new(
            "the commits are bound to no collection: name it with --collection",
        )),
        (Some(one), Some(other)) => Err(CliError::new(format!(
            "the commits are bound to several collections, {one} and {other} among them: name one with --collection"
        ))),
    }
}

async fn tell_store(
    context: &Context,
    args: &ScanArgs,
    found: &Scan,
) -> Result<BatchResult, CliError> {
    let state = context.state().await?;
    let by = context.actor();
    let known = state.store.repo(&args.repo).await?;
    let owner = match (&known, &args.owner) {
        (Some(repo), owner) => {
            check_known(repo, owner.as_ref(), args.collection.as_ref())?;
            repo.owner.clone()
        }
        (None, Some(owner)) => {
            let settings = args.types.settings(collection(args, found)?);
            let (name, owner) = (args.repo.clone(), owner.clone());
            let new = NewRepo {
                name,
                owner,
                settings,
            };
            state.store.put_repo(&new, &by).await?.owner
        }
        (None, None) => return Err(not_known(&args.repo)),
    };
    let file = spool(&state, &mut lines(found)?.as_slice(), "the scan")?;
    let file = file.finish(None, 0)?.file;
    let whose = (&owner, &args.repo);
    let counts = sync_commits(&state.store, whose, file, true, &by).await;
    let counts: BatchCounts = counts.map_err(Problem::from)?;
    Ok(counts.into())
}

/// A scan changes no repository's settings: that is `repo add`'s.
fn check_known(
    repo: &Repo,
    owner: Option<&OwnerKey>,
    collection: Option<&CollectionId>,
) -> Result<(), CliError> {
    let is_other_owner = owner.is_some_and(|owner| *owner != repo.owner);
    let is_other = collection.is_some_and(|named| *named != repo.settings.collection);
    if is_other_owner || is_other {
        return Err(CliError::new(format!(
            "the repository {} is of {}, collection {}; change that with portolan repo add",
            repo.name, repo.owner, repo.settings.collection
        )));
    }
    Ok(())
}

fn not_known(name: &RepoName) -> CliError {
    CliError::new(format!(
        "there is no repository {name}: make it known with --owner KEY, or with portolan repo add"
    ))
}

async fn tell_server(
    remote: &Remote,
    args: &ScanArgs,
    found: &Scan,
) -> Result<BatchResult, CliError> {
    if let Some(owner) = &args.owner
        && !remote.knows_repo(&args.repo).await?
    {
        let settings = args.types.settings(collection(args, found)?);
        let body = json!({
            "ownerKey": owner, "collectionId": settings.collection,
            "requireAuthForTokenTypes": settings.require_auth_for_token_types,
            "defaultTokenType": settings.default_token_type,
        });
        remote.put_repo(&args.repo, &body).await?;
    }
    let counts: Value = remote.sync_commits(&args.repo, lines(found)?).await?;
    serde_json::from_value(counts).map_err(|error| CliError::new(error.to_string()))
}

/// The lines of a sync.
fn lines(found: &Scan) -> Result<Vec<u8>, CliError> {
    let mut lines = Vec::new();
    for line in found.lines() {
        let mut object = json!({ "commit": line.commit, "refs": line.facts.refs });
        if let Some(kind) = line.facts.token_type {
            object["tokenType"] = kind.get().into();
        }
        writeln!(lines, "{object}")?;
    }
    Ok(lines)
}

impl From<ScanError> for CliError {
    fn from(error: ScanError) -> Self {
        Self::new(error.to_string())
    }
}
