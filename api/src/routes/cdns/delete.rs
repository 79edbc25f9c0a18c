//! `DELETE /cdn/{label}`.

use axum::{extract::State, http::StatusCode};

use super::view::CdnPath;
use crate::{
    auth::Admin,
    extract::Path,
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
};

/// Deletes a CDN that no owner follows.
#[utoipa::path(
    delete,
    path = "/cdn/{label}",
    operation_id = "delete_cdn",
    tag = "CDNs",
    params(CdnPath),
    responses(
        (status = 204, description = "There is no such CDN any more."),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "Owners follow it; the detail names some of them."),
        BadRequest, Refused,
    )
)]
pub async fn delete_cdn(
    Admin(caller): Admin,
    State(state): State<AppState>,
    Path(path): Path<CdnPath>,
) -> Result<StatusCode, Problem> {
    // Its certificate may count for owners that never named it, by its URL.
    state.store.delete_cdn(&path.label, &caller.by).await?;
    Ok(StatusCode::NO_CONTENT)
}
