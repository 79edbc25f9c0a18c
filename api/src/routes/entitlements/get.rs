//! `GET /entitlements/{entitlement_id}`.

use axum::extract::State;
use portolan_domain::ids::EntitlementId;

use super::path::{EntitlementPath, unknown};
use crate::{
    auth::Viewer,
    extract::{Json, Path},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
    view::Entitlement,
};

/// An entitlement of either kind, without key material.
#[utoipa::path(
    get,
    path = "/entitlements/{entitlement_id}",
    operation_id = "get_entitlement",
    tag = "entitlements",
    params(EntitlementPath),
    responses(
        (status = 200, body = Entitlement, description = "The entitlement."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "The entitlement is unknown, or was revoked."),
        BadRequest, Refused,
    )
)]
pub async fn get_entitlement(
    Viewer(caller): Viewer,
    State(state): State<AppState>,
    Path(path): Path<EntitlementPath>,
) -> Result<Json<Entitlement>, Problem> {
    let id: EntitlementId = path.entitlement_id.parse().map_err(|_| unknown())?;
    let found = state.store.entitlement(&id).await?.ok_or_else(unknown)?;
    caller.check_owner(&found.owner)?;
    Ok(Json(Entitlement::of(found, state.clock.now())))
}
