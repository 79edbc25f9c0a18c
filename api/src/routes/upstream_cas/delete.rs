//! `DELETE /upstream_cas/{filename}`.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use portolan_domain::trust::AnchorSource;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{orphans::Orphans, view::CaPath};
use crate::{
    auth::Admin,
    extract::{Json, Path, Query},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
};

/// The query of a removal.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RemovalQuery {
    /// Says whom the removal leaves without a CA, and removes nothing; for a file of the directory too.
    #[serde(default)]
    #[param(required = false, default = false)]
    dry_run: bool,
}

/// Removes an upstream CA. What it verified stays, and is answered with the status `MISSING`.
#[utoipa::path(
    delete,
    path = "/upstream_cas/{filename}",
    operation_id = "delete_upstream_ca",
    tag = "upstream CAs",
    params(CaPath, RemovalQuery),
    responses(
        (status = 200, body = Orphans, description = "Of a dry run: whom it leaves without a CA."),
        (status = 204, description = "There is no such CA any more."),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "It is a file of the directory: remove the file."),
        BadRequest, Refused,
    )
)]
pub async fn delete_upstream_ca(
    Admin(caller): Admin,
    State(state): State<AppState>,
    Path(path): Path<CaPath>,
    Query(query): Query<RemovalQuery>,
) -> Result<Response, Problem> {
    if query.dry_run {
        let orphans = Orphans::of(&state, &path.filename).await?;
        return Ok(Json(orphans).into_response());
    }
    let removed = state
        .store
        .remove_upstream_ca(&path.filename, &caller.by)
        .await?;
    state.anchors.reload().await?;
    let is_file =
        state.anchors.current().iter().any(|anchor| {
            anchor.filename == path.filename && anchor.source == AnchorSource::Directory
        });
    if is_file && !removed {
        let title = "The upstream CA is a file";
        let detail = format!(
            "{} is in the upstream CA directory. Remove the file there; that counts within two seconds.",
            path.filename
        );
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "ca-from-directory",
            title,
            detail,
        ));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
