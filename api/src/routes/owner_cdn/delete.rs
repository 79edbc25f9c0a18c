//! `DELETE /owners/{owner_key}/cdn`.

use axum::{extract::State, http::StatusCode};

use crate::{
    auth::Manager,
    extract::{OwnerPath, Path},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
};

/// Brings an owner back to what its import said.
#[utoipa::path(
    delete,
    path = "/owners/{owner_key}/cdn",
    operation_id = "delete_owner_cdn",
    tag = "CDNs",
    params(OwnerPath),
    responses(
        (status = 204, description = "The owner has no setting of its own any more."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        BadRequest, Refused,
    )
)]
pub async fn delete_owner_cdn(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Path(path): Path<OwnerPath>,
) -> Result<StatusCode, Problem> {
    let owner = path.owner_key;
    caller.check_owner(&owner)?;
    state.store.reset_owner_cdn(&owner, &caller.by).await?;
    Ok(StatusCode::NO_CONTENT)
}
