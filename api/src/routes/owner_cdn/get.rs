//! `GET /owners/{owner_key}/cdn`.

use axum::extract::State;

use super::view::OwnerCdn;
use crate::{
    auth::Viewer,
    extract::{Json, OwnerPath, Path},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
};

/// Where the owner's content is, and who says so.
#[utoipa::path(
    get,
    path = "/owners/{owner_key}/cdn",
    operation_id = "get_owner_cdn",
    tag = "CDNs",
    params(OwnerPath),
    responses(
        (status = 200, body = OwnerCdn, description = "Where it is."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        BadRequest, Refused,
    )
)]
pub async fn get_owner_cdn(
    Viewer(caller): Viewer,
    State(state): State<AppState>,
    Path(path): Path<OwnerPath>,
) -> Result<Json<OwnerCdn>, Problem> {
    caller.check_owner(&path.owner_key)?;
    Ok(Json(state.store.owner_cdn(&path.owner_key).await?.into()))
}
