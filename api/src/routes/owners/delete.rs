//! `DELETE /owners/{owner_key}`.

use axum::{extract::State, http::StatusCode};
use portolan_storage::StorageError;

use crate::{
    auth::Admin,
    extract::{OwnerPath, Path},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
};

/// Deletes an owner with all that it imported.
#[utoipa::path(
    delete,
    path = "/owners/{owner_key}",
    operation_id = "delete_owner",
    tag = "owners",
    params(OwnerPath),
    responses(
        (status = 204, description = "There is no such owner any more."),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "An API key is bound to it."),
        BadRequest, Refused,
    )
)]
pub async fn delete_owner(
    Admin(caller): Admin,
    State(state): State<AppState>,
    Path(path): Path<OwnerPath>,
) -> Result<StatusCode, Problem> {
    match state.store.delete_owner(&path.owner_key, &caller.by).await {
        Ok(()) => {
            // Its repositories went with it.
            state.edges.changed();
        }
        Err(StorageError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(StatusCode::NO_CONTENT)
}
