//! `POST /owners`.

use axum::extract::State;
use portolan_domain::ids::OwnerKey;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{DisplayName, Owner};
use crate::{
    auth::Admin,
    extract::{Dialect, Json, Shaped},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
};

/// An owner to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewOwner {
    /// Its key.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{1,255}$")]
    key: OwnerKey,
    /// Its name for people; the key where it is left out.
    #[serde(default)]
    display_name: Option<DisplayName>,
}

/// Creates an owner.
#[utoipa::path(
    post,
    path = "/owners",
    operation_id = "create_owner",
    tag = "owners",
    request_body = NewOwner,
    responses(
        (status = 200, body = Owner, description = "The owner was created."),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "There is an owner with this key."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn create_owner(
    Admin(caller): Admin,
    State(state): State<AppState>,
    dialect: Dialect,
    Json(new): Json<NewOwner>,
) -> Result<Json<Shaped<Owner>>, Problem> {
    let name = new.display_name.as_ref();
    let name = name.map_or(new.key.as_str(), DisplayName::as_str);
    let owner = state.store.create_owner(&new.key, name, &caller.by).await?;
    Ok(dialect.json(Owner::of(&state, owner).await?))
}
