//! `PUT /owners/{owner_key}`.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{DisplayName, Owner};
use crate::{
    auth::Admin,
    extract::{Dialect, Json, OwnerPath, Path, Shaped},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
};

/// What can be changed of an owner.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnerChange {
    /// Its name for people.
    display_name: DisplayName,
}

/// Gives an owner another name; its key stays.
#[utoipa::path(
    put,
    path = "/owners/{owner_key}",
    operation_id = "update_owner",
    tag = "owners",
    params(OwnerPath),
    request_body = OwnerChange,
    responses(
        (status = 200, body = Owner, description = "The owner was changed."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn update_owner(
    Admin(caller): Admin,
    State(state): State<AppState>,
    dialect: Dialect,
    Path(path): Path<OwnerPath>,
    Json(change): Json<OwnerChange>,
) -> Result<Json<Shaped<Owner>>, Problem> {
    let owner = state
        .store
        .rename_owner(&path.owner_key, change.display_name.as_str(), &caller.by)
        .await?;
    Ok(dialect.json(Owner::of(&state, owner).await?))
}
