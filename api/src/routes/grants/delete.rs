//! `DELETE /owners/{owner_key}/grants/{user}`.

use axum::{extract::State, http::StatusCode};

use super::path::GrantPath;
use crate::{
    auth::Issuer,
    extract::Path,
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
};

/// Takes back all that an owner grants to a user. Tokens that were given end by themselves.
#[utoipa::path(
    delete,
    path = "/owners/{owner_key}/grants/{user}",
    operation_id = "delete_grants",
    tag = "grants",
    params(GrantPath),
    responses(
        (status = 204, description = "Nothing is granted any more."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        BadRequest, Refused,
    )
)]
pub async fn delete_grants(
    Issuer(caller): Issuer,
    State(state): State<AppState>,
    Path(path): Path<GrantPath>,
) -> Result<StatusCode, Problem> {
    let GrantPath { owner_key, user } = path;
    caller.check_owner(&owner_key)?;
    let store = &state.store;
    store.delete_grants(&owner_key, &user, &caller.by).await?;
    Ok(StatusCode::NO_CONTENT)
}
