//! `GET /repos`.

use axum::extract::State;
use portolan_domain::ids::RepoName;

use crate::{
    auth::Viewer,
    extract::{Paged, Paging, Query},
    problem::{BadRequest, Problem, Refused},
    state::AppState,
    view::Repo,
};

/// The repositories that the caller may see, by name.
#[utoipa::path(
    get,
    path = "/repos",
    operation_id = "list_repos",
    tag = "repositories",
    params(Paging),
    responses(
        (status = 200, body = Vec<Repo>, description = "The repositories.",
         headers(("Link" = String, description = "Where the next page is, if there is one."))),
        BadRequest, Refused,
    )
)]
pub async fn list_repos(
    Viewer(caller): Viewer,
    State(state): State<AppState>,
    Query(paging): Query<Paging>,
) -> Result<Paged<Repo>, Problem> {
    let after = paging.cursor.as_deref().map(str::parse::<RepoName>);
    let after = after.transpose();
    let after = after.map_err(|_| Problem::bad_request("The cursor is not one of this list."))?;
    let (only, limit) = (caller.only_owners(), paging.limit()?);
    let page = state.store.repos(only, after.as_ref(), limit).await?;
    let last = page.items.last().map(|repo| repo.name.to_string());
    let repos = page.items.into_iter().map(Repo::from).collect();
    Ok(paging.answer(repos, last.filter(|_| page.more)))
}
