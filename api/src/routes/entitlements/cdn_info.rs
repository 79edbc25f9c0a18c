//! `GET /entitlements/{entitlement_id}/cdn_info`: asked once per content request.

use axum::{
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
};

use super::{
    info_query::InfoQuery,
    path::{EntitlementPath, count_read, find},
};
use crate::{
    auth::Reader,
    extract::{Path, Query},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
    view::CdnInfo,
};

/// Where an entitlement's content is, with which CA and which certificate.
#[utoipa::path(
    get,
    path = "/entitlements/{entitlement_id}/cdn_info",
    operation_id = "get_cdn_info",
    tag = "entitlements",
    params(
        EntitlementPath,
        InfoQuery,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an answer at hand."),
    ),
    responses(
        (status = 200, body = CdnInfo, description = "The answer. It holds a private key. With `path` nothing keeps it.",
         headers(("ETag" = String, description = "The answer's entity tag."))),
        (status = 304, description = "The answer at hand is right."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "The entitlement is unknown, or was revoked."),
        BadRequest, Refused,
    )
)]
pub async fn get_cdn_info(
    Reader(caller): Reader,
    State(state): State<AppState>,
    Path(path): Path<EntitlementPath>,
    Query(query): Query<InfoQuery>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = find(&path, &caller, &state).await?;
    let response = query.send(&found, &headers, &caller, &state).await?;
    count_read(&response, &method, &found, &caller, &state);
    Ok(response)
}
