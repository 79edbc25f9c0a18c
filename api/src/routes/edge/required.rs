//! `GET /edge/required`: for a CDN that checks tokens itself, and keeps the answer with the object.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use portolan_domain::{digest::Sha256Digest, edge::Need};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    auth::Reader,
    edge::{X_FLATPAK_REQUESTED_REF, X_TOKEN_TYPE, read_uri, requested_refs, unknown},
    extract::Query,
    problem::{BadRequest, Problem, Refused},
    routes::etag,
    state::AppState,
};

/// The query.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RequiredQuery {
    /// What the CDN's client asked for: a path such as `/repo/stable/objects/04/23….commit`, 8192 bytes at most.
    #[param(min_length = 1)]
    uri: String,
}

/// Which token a URL needs.
#[utoipa::path(
    get,
    path = "/edge/required",
    operation_id = "get_edge_requirement",
    tag = "edges",
    params(
        RequiredQuery,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an answer at hand."),
    ),
    responses(
        (status = 200, description = "A token for one of the refs, or none: then there is no ref.",
         headers(
             ("X-Flatpak-Requested-Ref" = String, description = "The refs that the commit is of, where it needs a token."),
             ("X-Token-Type" = String, description = "The commit's token type; 0 where it needs none."),
             ("ETag" = String, description = "The answer's entity tag."),
         )),
        (status = 304, description = "The answer at hand is right."),
        BadRequest, Refused,
    )
)]
pub async fn get_edge_requirement(
    Reader(caller): Reader,
    State(state): State<AppState>,
    Query(query): Query<RequiredQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // No URI has a space; a query's reader makes one of the plus sign, which names of deltas have.
    let resource = read_uri(&query.uri.replace(' ', "+"))?;
    let found = state.edges.find(&resource).await?;
    if let Some(repo) = &found.repo {
        caller.check_owner(&repo.owner)?;
    }
    let (kind, refs) = match found.need() {
        Need::Nothing => (0, None),
        Need::Token(kind, refs) => (kind.get(), requested_refs(refs)),
        Need::Unknown => return Err(unknown(&found, &state)),
    };
    Ok(answer(kind, refs, &headers))
}

fn answer(kind: i32, refs: Option<HeaderValue>, asked: &HeaderMap) -> Response {
    let said = refs.as_ref().map(HeaderValue::as_bytes).unwrap_or_default();
    let digest = Sha256Digest::of(&[kind.to_string().as_bytes(), b" ", said].concat());
    let etag = format!("\"{}\"", &digest.to_string()[..32]);
    let mut response = if etag::is_known(asked, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        StatusCode::OK.into_response()
    };
    let headers = response.headers_mut();
    headers.insert(X_TOKEN_TYPE, HeaderValue::from(kind));
    if let Some(refs) = refs {
        headers.insert(X_FLATPAK_REQUESTED_REF, refs);
    }
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    let keep = HeaderValue::from_static("public, max-age=300");
    headers.insert(header::CACHE_CONTROL, keep);
    response
}
