//! `GET /repos/{repo}`.

use axum::extract::State;

use super::path::{RepoPath, find};
use crate::{
    auth::Viewer,
    extract::{Json, Path},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
    view::Repo,
};

/// One repository.
#[utoipa::path(
    get,
    path = "/repos/{repo}",
    operation_id = "get_repo",
    tag = "repositories",
    params(RepoPath),
    responses(
        (status = 200, body = Repo, description = "The repository."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such repository."),
        BadRequest, Refused,
    )
)]
pub async fn get_repo(
    Viewer(caller): Viewer,
    State(state): State<AppState>,
    Path(path): Path<RepoPath>,
) -> Result<Json<Repo>, Problem> {
    Ok(Json(find(&path, &caller, &state).await?.into()))
}
