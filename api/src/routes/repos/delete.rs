//! `DELETE /repos/{repo}`.

use axum::{extract::State, http::StatusCode};
use portolan_storage::StorageError;

use super::path::RepoPath;
use crate::{
    auth::Manager,
    extract::Path,
    problem::{BadRequest, Problem, Refused},
    state::AppState,
};

/// Forgets a repository and its commits: edges refuse its URLs from now on.
#[utoipa::path(
    delete,
    path = "/repos/{repo}",
    operation_id = "delete_repo",
    tag = "repositories",
    params(RepoPath),
    responses(
        (status = 204, description = "There is no such repository any more."),
        BadRequest, Refused,
    )
)]
pub async fn delete_repo(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Path(path): Path<RepoPath>,
) -> Result<StatusCode, Problem> {
    let Some(found) = state.store.repo(&path.repo).await? else {
        return Ok(StatusCode::NO_CONTENT);
    };
    caller.check_owner(&found.owner)?;
    let deleted = state
        .store
        .delete_repo(&found.owner, &path.repo, &caller.by);
    match deleted.await {
        // It went with its owner.
        Ok(_) | Err(StorageError::NotFound { .. }) => state.edges.changed(),
        Err(error) => return Err(error.into()),
    }
    Ok(StatusCode::NO_CONTENT)
}
