//! `GET /signing_ca`: what an instance downstream installs as its upstream CAs.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    problem::{Problem, ProblemBody},
    routes::etag,
    state::AppState,
};

/// The certificates of the CAs that sign exports, PEM: RSA, then ML-DSA-65. Made at the first request.
#[utoipa::path(
    get,
    path = "/signing_ca",
    operation_id = "get_signing_ca",
    tag = "exports",
    security(()),
    params(
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an answer at hand."),
    ),
    responses(
        (status = 200, body = String, content_type = "application/x-pem-file",
         description = "The certificates.",
         headers(("ETag" = String, description = "The answer's entity tag."))),
        (status = 304, description = "The answer at hand is right."),
        (status = 500, body = ProblemBody, content_type = "application/problem+json",
         description = "The service failed; the log has more under the request's id."),
        (status = 503, body = ProblemBody, content_type = "application/problem+json",
         description = "The database does not answer; try again."),
    )
)]
pub async fn get_signing_ca(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let certificates = state.signing.certificates().await?;
    let tag = format!("\"{}\"", certificates.sha256);
    let mut response = if etag::is_known(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-pem-file"),
        )];
        (kind, certificates.pem.clone()).into_response()
    };
    let answered = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answered.insert(header::ETAG, tag);
    }
    let keep = HeaderValue::from_static("public, max-age=300");
    answered.insert(header::CACHE_CONTROL, keep);
    Ok(response)
}
