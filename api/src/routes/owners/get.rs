//! `GET /owners/{owner_key}`.

use axum::extract::State;

use super::view::Owner;
use crate::{
    auth::Viewer,
    extract::{Json, OwnerPath, Path},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
};

/// One owner, with its upstream consumer.
#[utoipa::path(
    get,
    path = "/owners/{owner_key}",
    operation_id = "get_owner",
    tag = "owners",
    params(OwnerPath),
    responses(
        (status = 200, body = Owner, description = "The owner."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        BadRequest, Refused,
    )
)]
pub async fn get_owner(
    Viewer(caller): Viewer,
    State(state): State<AppState>,
    Path(path): Path<OwnerPath>,
) -> Result<Json<Owner>, Problem> {
    caller.check_owner(&path.owner_key)?;
    let owner = state.store.owner(&path.owner_key).await?;
    Ok(Json(Owner::of(&state, owner).await?))
}
