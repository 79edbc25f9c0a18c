//! The repository in a path, and whether the caller may have it.

use portolan_domain::ids::RepoName;
use portolan_storage::{Repo, StorageError};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    auth::{Caller, forbidden},
    problem::Problem,
    state::AppState,
};

/// `{repo}`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct RepoPath {
    /// The repository's name.
    #[param(value_type = String, pattern = "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}$")]
    pub repo: RepoName,
}

/// The repository that is asked for.
///
/// # Errors
/// 403 where it is another owner's: to a caller that is bound to owners, one that does not exist looks
/// alike. Else 404.
pub async fn find(path: &RepoPath, caller: &Caller, state: &AppState) -> Result<Repo, Problem> {
    match state.store.repo(&path.repo).await? {
        Some(repo) => {
            caller.check_owner(&repo.owner)?;
            Ok(repo)
        }
        None if caller.only_owners().is_some() => {
            let detail = "This credential is bound to owners that have no such repository.";
            Err(forbidden(detail))
        }
        None => Err(Problem::from(StorageError::NotFound {
            what: "repository",
            name: path.repo.to_string(),
        })),
    }
}
