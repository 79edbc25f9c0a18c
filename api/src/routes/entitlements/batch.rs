//! `POST /owners/{owner_key}/entitlements/batch`: all that a local subscription system has, at once.

use axum::extract::{Request, State};
use portolan_domain::ids::OwnerKey;
use portolan_storage::{Actor, BatchCounts};
use serde::Deserialize;
use tracing::Instrument;
use utoipa::IntoParams;

use crate::{
    auth::Manager,
    batch::{BatchBody, BatchError},
    extract::{Json, OwnerPath, Path, Query},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    registration::register,
    state::AppState,
    view::BatchResult,
};

/// The query of a batch.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BatchQuery {
    /// Removes the owner's downstream entitlements that are not in the batch.
    #[serde(default)]
    #[param(required = false, default = false)]
    replace: bool,
}

/// Registers up to a million downstream entitlements, all or none.
///
/// A line is an object: `{"id","poolId"}`, `{"id","upstreamEntitlementId"}` or `{"id"}`.
#[utoipa::path(
    post,
    path = "/owners/{owner_key}/entitlements/batch",
    operation_id = "create_entitlement_batch",
    tag = "entitlements",
    params(OwnerPath, BatchQuery),
    request_body(
        content((String = "application/x-ndjson")),
        description = "NDJSON, a line for each entitlement."
    ),
    responses(
        (status = 200, body = BatchResult, description = "All of it is registered."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "An id is another owner's, or an upstream entitlement's: see `line`."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is of another kind."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn create_entitlement_batch(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Path(path): Path<OwnerPath>,
    Query(query): Query<BatchQuery>,
    request: Request,
) -> Result<Json<BatchResult>, Problem> {
    let owner = path.owner_key;
    caller.check_owner(&owner)?;
    state.store.owner(&owner).await?;
    let body = BatchBody::receive(request, &owner, &state).await?;
    // On its own: where the client goes away, other requests still see what was stored.
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
    let by = Actor { at, ..by };
    let (file, _held) = body.into_parts();
    let counts = register(&state.store, owner, file, replace, &by).await?;
    // Where nothing changed, another node may have done it: what is asked next is no older.
    state.store.changes().owner_changed(owner);
    tracing::info!(%owner, ?counts, "a batch of entitlements was registered");
    Ok(counts)
}
