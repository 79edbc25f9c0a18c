//! `GET /owners/{owner_key}/upstream_consumers`.

use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Viewer,
    extract::{Dialect, Json, OwnerPath, Path, Shaped},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
    view::UpstreamConsumerDetails,
};

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_upstream_consumers))
}

/// The owner's upstream consumer, with CDN and verification: a list of one, or of none.
#[utoipa::path(
    get,
    path = "/owners/{owner_key}/upstream_consumers",
    operation_id = "list_upstream_consumers",
    tag = "imports",
    params(OwnerPath),
    responses(
        (status = 200, body = Vec<UpstreamConsumerDetails>, description = "The consumer, if any."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        BadRequest, Refused,
    )
)]
async fn list_upstream_consumers(
    Viewer(caller): Viewer,
    State(state): State<AppState>,
    dialect: Dialect,
    Path(path): Path<OwnerPath>,
) -> Result<Json<Shaped<Vec<UpstreamConsumerDetails>>>, Problem> {
    caller.check_owner(&path.owner_key)?;
    let consumer = state.store.upstream_consumer(&path.owner_key).await?;
    let anchors = state.anchors.current();
    let shown = consumer.map(|consumer| UpstreamConsumerDetails::of(consumer, &anchors));
    Ok(dialect.json(shown.into_iter().collect()))
}
