//! `GET /owners/{owner_key}/cdn_info`: what an owner's clients are told, whichever entitlement they have.

use axum::{
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
};

use super::{
    info_query::InfoQuery,
    path::{answer, count_read},
};
use crate::{
    auth::Reader,
    cache::Question,
    extract::{OwnerPath, Path, Query},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
    view::CdnInfo,
};

/// Where an owner's content is, with which CA and which certificate.
#[utoipa::path(
    get,
    path = "/owners/{owner_key}/cdn_info",
    operation_id = "get_owner_cdn_info",
    tag = "entitlements",
    params(
        OwnerPath,
        InfoQuery,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an answer at hand."),
    ),
    responses(
        (status = 200, body = CdnInfo, description = "The answer. It holds a private key. With `path` nothing keeps it.",
         headers(("ETag" = String, description = "The answer's entity tag."))),
        (status = 304, description = "The answer at hand is right."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner, or it has imported nothing."),
        BadRequest, Refused,
    )
)]
pub async fn get_owner_cdn_info(
    Reader(caller): Reader,
    State(state): State<AppState>,
    Path(path): Path<OwnerPath>,
    Query(query): Query<InfoQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.check_owner(&path.owner_key)?;
    let found = answer(&Question::Owner(path.owner_key), &caller, &state).await?;
    let response = query.send(&found, &headers, &caller, &state).await?;
    count_read(&response, &method, &found, &caller, &state);
    Ok(response)
}
