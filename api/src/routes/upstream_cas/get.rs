//! `GET /upstream_cas/{filename}`.

use axum::extract::State;

use super::view::{CaPath, UpstreamCa, unknown};
use crate::{
    auth::Viewer,
    extract::{Json, Path},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
};

/// One upstream CA, and whom it verified.
#[utoipa::path(
    get,
    path = "/upstream_cas/{filename}",
    operation_id = "get_upstream_ca",
    tag = "upstream CAs",
    params(CaPath),
    responses(
        (status = 200, body = UpstreamCa, description = "The CA."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such CA."),
        BadRequest, Refused,
    )
)]
pub async fn get_upstream_ca(
    Viewer(caller): Viewer,
    State(state): State<AppState>,
    Path(path): Path<CaPath>,
) -> Result<Json<UpstreamCa>, Problem> {
    let anchors = state.anchors.current();
    let found = UpstreamCa::find(&state, &anchors, &path.filename).await?;
    let ca = found.ok_or_else(|| unknown(&path.filename))?;
    ca.for_caller(&caller).map(Json)
}
