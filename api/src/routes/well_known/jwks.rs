//! `GET /.well-known/jwks.json`: by which keys anybody verifies tokens of this service.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    problem::{Problem, ProblemBody},
    routes::etag,
    state::AppState,
};

/// A JWK set (RFC 7517, section 5).
#[derive(Serialize, ToSchema)]
pub struct JwkSet {
    /// The public keys that sign or still verify, the newest first. A shared secret is never among them.
    keys: Vec<Jwk>,
}

/// A public key.
#[derive(Serialize, ToSchema)]
pub struct Jwk {
    /// Its type: `EC`, `OKP` or `RSA`.
    kty: String,
    /// Its id, which the header of each token names.
    kid: String,
    /// Its algorithm: `ES256`, `EdDSA` or `RS256`.
    alg: String,
    /// `sig`.
    #[serde(rename = "use")]
    usage: String,
    /// What it signs: `access`, `ref-token` or `registry`.
    purpose: String,
    /// Its curve: `P-256` or `Ed25519`.
    crv: Option<String>,
    /// A coordinate, or the key of `OKP`, base64url.
    x: Option<String>,
    /// The other coordinate, base64url.
    y: Option<String>,
    /// The modulus of `RSA`, base64url.
    n: Option<String>,
    /// The exponent of `RSA`, base64url.
    e: Option<String>,
}

/// The public keys that verify tokens of this service.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "get_jwks",
    tag = "tokens",
    security(()),
    params(
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an answer at hand."),
    ),
    responses(
        (status = 200, body = JwkSet, content_type = "application/jwk-set+json",
         description = "The keys.",
         headers(("ETag" = String, description = "The answer's entity tag."))),
        (status = 304, description = "The answer at hand is right."),
        (status = 500, body = ProblemBody, content_type = "application/problem+json",
         description = "The service failed; the log has more under the request's id."),
        (status = 503, body = ProblemBody, content_type = "application/problem+json",
         description = "The database does not answer; try again."),
    )
)]
pub async fn get_jwks(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let keys = state.tokens.public_keys().await?;
    let tag = format!("\"{}\"", keys.sha256);
    let mut response = if etag::is_known(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = HeaderValue::from_static("application/jwk-set+json");
        ([(header::CONTENT_TYPE, kind)], keys.json.clone()).into_response()
    };
    let answered = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answered.insert(header::ETAG, tag);
    }
    let keep = HeaderValue::from_static("public, max-age=300");
    answered.insert(header::CACHE_CONTROL, keep);
    Ok(response)
}
