//! `GET /owners/{owner_key}`.

use axum::extract::State;

use super::view::Owner;
use crate::{
    auth::Viewer,
    extract::{Dialect, Json, OwnerPath, Path, Shaped},
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
    dialect: Dialect,
    Path(path): Path<OwnerPath>,
) -> Result<Json<Shaped<Owner>>, Problem> {
    caller.check_owner(&path.owner_key)?;
    let owner = state.store.owner(&path.owner_key).await?;
    Ok(dialect.json(Owner::of(&state, owner).await?))
}
