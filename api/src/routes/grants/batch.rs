//! `POST /owners/{owner_key}/grants/batch`: all that an authorization server knows, at once.

use axum::extract::{Request, State};
use portolan_domain::ids::OwnerKey;
use portolan_storage::{Actor, BatchCounts};
use serde::Deserialize;
use tracing::Instrument;
use utoipa::IntoParams;

use crate::{
    auth::Issuer,
    batch::{BatchBody, BatchError},
    extract::{Json, OwnerPath, Path, Query},
    grants::grant,
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
    view::BatchResult,
};

/// The query of a batch of grants.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct GrantBatchQuery {
    /// Takes back what the owner grants, to any user, that is not in the batch.
    #[serde(default)]
    #[param(required = false, default = false)]
    replace: bool,
}

/// Grants refs to many users, all or nothing.
///
/// A line is an object: `{"user","collectionId","refs","until"}`. A user may have many lines; each of its
/// refs is a grant, and is counted as one.
#[utoipa::path(
    post,
    path = "/owners/{owner_key}/grants/batch",
    operation_id = "create_grant_batch",
    tag = "grants",
    params(OwnerPath, GrantBatchQuery),
    request_body(
        content((String = "application/x-ndjson")),
        description = "NDJSON, up to a million lines."
    ),
    responses(
        (status = 200, body = BatchResult, description = "All of it is granted."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is of another kind."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn create_grant_batch(
    Issuer(caller): Issuer,
    State(state): State<AppState>,
    Path(path): Path<OwnerPath>,
    Query(query): Query<GrantBatchQuery>,
    request: Request,
) -> Result<Json<BatchResult>, Problem> {
    let owner = path.owner_key;
    caller.check_owner(&owner)?;
    state.store.owner(&owner).await?;
    let body = BatchBody::receive(request, &owner, &state).await?;
    // On its own: where the client goes away, what was begun ends one way or the other.
    let batch = async move { run(&state, &owner, body, query.replace, caller.by).await };
    let running = tokio::spawn(batch.in_current_span());
    let counts = running.await.map_err(|_| BatchError::Interrupted)??;
    Ok(Json(counts.into()))
}

async fn run(
    state: &AppState,
    owner: &OwnerKey,
    body: BatchBody,
    replace: bool,
    by: Actor,
) -> Result<BatchCounts, Problem> {
    // The body may have taken its time.
    let at = state.clock.now();
    let (file, _held) = body.into_parts();
    let counts = grant(&state.store, owner, file, replace, &Actor { at, ..by }).await?;
    tracing::info!(%owner, ?counts, "a batch of grants was stored");
    Ok(counts)
}
