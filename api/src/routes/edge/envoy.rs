//! `GET /edge/authorize/envoy/{path}`: asked by Envoy's `ext_authz`, which puts a prefix before what its
//! client asked for, and asks with the client's method.

use axum::{
    extract::State,
    http::{HeaderMap, Method, Uri},
    response::Response,
};

use crate::{
    edge::{Asked, authorize},
    problem::{BadRequest, Problem, ProblemBody},
    state::AppState,
};

/// The path, as the router knows it.
pub const PATH: &str = "/edge/authorize/envoy/{*path}";
/// What stands before the client's own.
const PREFIX: &str = "/edge/authorize/envoy";

/// Whether a client may have what it asks Envoy for: its token is in `Authorization`.
#[utoipa::path(
    get,
    path = "/edge/authorize/envoy/{*path}",
    operation_id = "get_edge_authorization_envoy",
    tag = "edges",
    security(()),
    params(("path" = String, Path, description = "The path that the client asked for, as it came.",
            pattern = r"^[^\x00-\x1f\x7f]+$")),
    responses(
        (status = 200, description = "It may.",
         headers(
             ("X-Flatpak-Requested-Ref" = String, description = "The refs that the commit is of, where it needs a token."),
             ("X-Portolan-User" = String, description = "Whom the token was given."),
         )),
        (status = 401, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no token, or one that does not count."),
        (status = 403, body = ProblemBody, content_type = "application/problem+json",
         description = "The token is not enough, or nobody told of the repository or the commit."),
        (status = 503, body = ProblemBody, content_type = "application/problem+json",
         description = "The database does not answer, and memory does not know."),
        BadRequest,
    )
)]
pub async fn get_edge_authorization_envoy(
    State(state): State<AppState>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // As it came: the router's parameter is decoded, and a decoded slash would be one of the path.
    let path = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let asked = Asked::in_request(&headers, path, &method)?;
    authorize(asked, &headers, &state).await
}
