//! `DELETE /entitlements/{entitlement_id}`.

use axum::{extract::State, http::StatusCode};
use portolan_domain::ids::EntitlementId;
use portolan_storage::StorageError;

use super::path::EntitlementPath;
use crate::{
    auth::Manager,
    extract::Path,
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
};

/// Revokes a downstream entitlement: from now on it is unknown to proxies.
#[utoipa::path(
    delete,
    path = "/entitlements/{entitlement_id}",
    operation_id = "delete_entitlement",
    tag = "entitlements",
    params(EntitlementPath),
    responses(
        (status = 204, description = "There is no such entitlement any more."),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "It came with a manifest, and goes with one."),
        BadRequest, Refused,
    )
)]
pub async fn delete_entitlement(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Path(path): Path<EntitlementPath>,
) -> Result<StatusCode, Problem> {
    // What can be no id is no entitlement's.
    let Ok(id) = path.entitlement_id.parse::<EntitlementId>() else {
        return Ok(StatusCode::NO_CONTENT);
    };
    let Some(found) = state.store.entitlement(&id).await? else {
        return Ok(StatusCode::NO_CONTENT);
    };
    caller.check_owner(&found.owner)?;
    let revoked = state
        .store
        .revoke_entitlement(&found.owner, &id, &caller.by);
    match revoked.await {
        // It may have gone with its owner.
        Ok(_) | Err(StorageError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(StatusCode::NO_CONTENT)
}
