//! `GET /entitlements/{entitlement_id}/upstream_cert`: what Thumbslug asks.

use axum::{
    extract::State,
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};

use super::path::{EntitlementPath, count_read, find, send};
use crate::{
    auth::Reader,
    extract::Path,
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
};

/// The upstream certificate and its key as text, byte for byte as the manifest had them.
#[utoipa::path(
    get,
    path = "/entitlements/{entitlement_id}/upstream_cert",
    operation_id = "get_upstream_cert",
    tag = "entitlements",
    params(
        EntitlementPath,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an answer at hand."),
    ),
    responses(
        (status = 200, body = String, content_type = "text/plain",
         description = "Certificate blocks, then the private key.",
         headers(("ETag" = String, description = "The answer's entity tag."))),
        (status = 304, description = "The answer at hand is right."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "The entitlement is unknown or was revoked, or has no certificate."),
        BadRequest, Refused,
    )
)]
pub async fn get_upstream_cert(
    Reader(caller): Reader,
    State(state): State<AppState>,
    Path(path): Path<EntitlementPath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = find(&path, &caller, &state).await?;
    let body = found.answer.text().cloned().ok_or_else(|| {
        let title = "The entitlement has no certificate";
        let detail = "The manifest brought no certificate for this entitlement.";
        Problem::new(
            StatusCode::NOT_FOUND,
            "no-upstream-certificate",
            title,
            detail,
        )
    })?;
    let response = send(&found, "text/plain; charset=utf-8", body, &headers);
    count_read(&response, &method, &found, &caller, &state);
    Ok(response)
}
