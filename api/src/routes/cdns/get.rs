//! `GET /cdn/{label}`.

use axum::extract::State;

use super::view::{Cdn, CdnPath};
use crate::{
    auth::Viewer,
    extract::{Dialect, Json, Path, Shaped},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
};

/// One CDN of the operator.
#[utoipa::path(
    get,
    path = "/cdn/{label}",
    operation_id = "get_cdn",
    tag = "CDNs",
    params(CdnPath),
    responses(
        (status = 200, body = Cdn, description = "The CDN."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such CDN."),
        BadRequest, Refused,
    )
)]
pub async fn get_cdn(
    _viewer: Viewer,
    State(state): State<AppState>,
    dialect: Dialect,
    Path(path): Path<CdnPath>,
) -> Result<Json<Shaped<Cdn>>, Problem> {
    Ok(dialect.json(state.store.cdn(&path.label).await?.into()))
}
