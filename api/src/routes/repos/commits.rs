//! `PUT /repos/{repo}/commits`: which refs its commits are of, from a publish hook or a scan.

use std::fs::File;

use axum::extract::{Request, State};
use portolan_storage::{Actor, BatchCounts, Repo};
use serde::Deserialize;
use tracing::Instrument;
use utoipa::IntoParams;

use super::path::{RepoPath, find};
use crate::{
    auth::Manager,
    batch::BatchError,
    extract::{Json, Path, Query},
    import::{Pace, busy, receive_lines},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    repos::sync_commits,
    state::AppState,
    view::BatchResult,
};

/// The query of a sync.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SyncQuery {
    /// Forgets the repository's commits that are not in the body.
    #[serde(default)]
    #[param(required = false, default = false)]
    replace: bool,
}

/// Tells of up to a million commits, all or none.
///
/// A line is an object: `{"commit":"<sha256>","refs":["…"],"tokenType":1}`. Without a token type, the
/// repository's default counts.
#[utoipa::path(
    put,
    path = "/repos/{repo}/commits",
    operation_id = "update_repo_commits",
    tag = "repositories",
    params(RepoPath, SyncQuery),
    request_body(
        content((String = "application/x-ndjson")),
        description = "NDJSON, a line for each commit."
    ),
    responses(
        (status = 200, body = BatchResult, description = "All of them are known."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such repository."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is of another kind."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn update_repo_commits(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Path(path): Path<RepoPath>,
    Query(query): Query<SyncQuery>,
    request: Request,
) -> Result<Json<BatchResult>, Problem> {
    let repo = find(&path, &caller, &state).await?;
    let importer = &state.importer;
    let room = importer.place(&repo.owner).await.ok_or_else(busy)?;
    let pace = Pace::new(&state.config.http.limits);
    let body = receive_lines(request, importer.spool(), importer.upload_limit(), pace).await?;
    // Only now: a client that sends slowly must not keep the others from their turn.
    let turn = importer.turn(&repo.owner).await.ok_or_else(busy)?;
    // On its own: where the client goes away, edges still learn of what was stored.
    let sync = async move {
        // Both until the end: the body takes its disk for as long.
        let _held = (room, turn);
        run(&state, &repo, body.file, query.replace, caller.by).await
    };
    let running = tokio::spawn(sync.in_current_span());
    let counts = running.await.map_err(|_| BatchError::Interrupted)??;
    Ok(Json(counts.into()))
}

async fn run(
    state: &AppState,
    repo: &Repo,
    file: File,
    replace: bool,
    by: Actor,
) -> Result<BatchCounts, Problem> {
    // The body may have taken its time.
    let at = state.clock.now();
    let by = Actor { at, ..by };
    let whose = (&repo.owner, &repo.name);
    let counts = sync_commits(&state.store, whose, file, replace, &by).await?;
    state.edges.changed();
    tracing::info!(repo = %repo.name, ?counts, "commits were synced");
    Ok(counts)
}
