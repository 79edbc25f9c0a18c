//! `GET /edge/authorize/nginx`: asked before a file is handed out, by nginx's `auth_request`, by Varnish and
//! others whose configuration names each header.

use axum::{
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
};

use crate::{
    edge::{Asked, authorize},
    problem::{BadRequest, Problem, ProblemBody},
    state::AppState,
};

/// Whether a client may have what it asks nginx for: its token is in `Authorization`.
#[utoipa::path(
    get,
    path = "/edge/authorize/nginx",
    operation_id = "get_edge_authorization_nginx",
    tag = "edges",
    security(()),
    params(
        ("X-Original-URI" = String, Header, description = "What the client asked for."),
        ("X-Original-Method" = Option<String>, Header, description = "How; GET where it is left out."),
    ),
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
pub async fn get_edge_authorization_nginx(
    State(state): State<AppState>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let names = ("x-original-uri", "x-original-method");
    let asked = Asked::in_headers(&headers, names, &method)?;
    authorize(asked, &headers, &state).await
}
