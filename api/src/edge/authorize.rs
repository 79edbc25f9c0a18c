//! Whether a client may have what it asks an edge for: a decision from memory, for every request.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use percent_encoding::{CONTROLS, utf8_percent_encode};
use portolan_domain::edge::{Need, Resource, check_access};

use super::{
    bearer::{remembered, verified},
    cache::Found,
    headers::{Asked, X_FLATPAK_REQUESTED_REF, requested_refs},
    refusal::{read_uri, refused, unknown},
};
use crate::{problem::Problem, state::AppState, tokens::Verified};

/// Whom the token was given.
const X_PORTOLAN_USER: HeaderName = HeaderName::from_static("x-portolan-user");

/// For how many seconds an edge may keep an answer: so late a revocation may reach it.
const KEPT: i64 = 60;

/// Lets the client on, or not.
///
/// # Errors
/// 400 for a URI that two programs could read in two ways; 401 without a token that counts; 403 where it
/// is not enough, or nobody told of the repository or the commit; 503 where that is not known.
pub async fn authorize(
    asked: Asked<'_>,
    headers: &HeaderMap,
    state: &AppState,
) -> Result<Response, Problem> {
    let resource = read(&asked)?;
    let found = state.edges.find(&resource).await?;
    let token = match found.need() {
        Need::Token(..) => Some(verified(headers, state).await?),
        Need::Nothing | Need::Unknown => None,
    };
    decide(&found, token, state)
}

/// Lets the client on, where memory alone can tell that it may; nothing where it cannot, or the client may not.
pub async fn authorize_from_memory(
    asked: Asked<'_>,
    headers: &HeaderMap,
    state: &AppState,
) -> Option<Response> {
    let resource = read(&asked).ok()?;
    let found = state.edges.remembered(&resource).await?;
    let token = match found.need() {
        Need::Token(..) => Some(remembered(headers, state)?),
        Need::Nothing => None,
        Need::Unknown => return None,
    };
    let was_shown = token.is_some();
    let allowed = decide(&found, token, state).ok()?;
    if was_shown {
        state.tokens.was_enough();
    }
    Some(allowed)
}

fn read(asked: &Asked<'_>) -> Result<Resource, Problem> {
    let resource = read_uri(asked.uri)?;
    if !matches!(asked.method, "GET" | "HEAD") {
        let detail = "Content is read with GET and HEAD alone.";
        let title = "The method is refused";
        let status = StatusCode::FORBIDDEN;
        return Err(refused(status, "edge-method-refused", title, detail));
    }
    Ok(resource)
}

/// What follows from what is known, and from the token where one is needed.
fn decide(found: &Found, token: Option<Verified>, state: &AppState) -> Result<Response, Problem> {
    let (refs, repo, token) = match (found.need(), &found.repo, token) {
        (Need::Nothing, ..) => return Ok(allowed(KEPT, None, None)),
        (Need::Token(_, refs), Some(repo), Some(token)) => (refs, repo, token),
        (Need::Unknown | Need::Token(..), ..) => return Err(unknown(found, state)),
    };
    let whose = (&repo.name, &repo.settings.collection);
    check_access((token.kind, &token.claims), whose, refs).map_err(|why| {
        let names = refs.iter().map(ToString::to_string).collect::<Vec<_>>();
        let names = names.join(", ");
        let detail = format!(
            "The token counts, but is not enough: {why}. Needed is {names} of the collection {}.",
            repo.settings.collection
        );
        let title = "The token is not enough";
        refused(StatusCode::FORBIDDEN, "token-insufficient", title, detail)
    })?;
    let left = token.claims.exp - state.clock.now().unix_timestamp();
    Ok(allowed(
        left.clamp(0, KEPT),
        requested_refs(refs),
        user(&token),
    ))
}

/// 200. No `private`: nginx would keep nothing then. Who keeps it has the token in the key.
fn allowed(kept: i64, refs: Option<HeaderValue>, user: Option<HeaderValue>) -> Response {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    if let Ok(kept) = HeaderValue::from_str(&format!("max-age={kept}")) {
        headers.insert(header::CACHE_CONTROL, kept);
    }
    headers.insert(header::VARY, HeaderValue::from_static("Authorization"));
    for (name, value) in [(X_FLATPAK_REQUESTED_REF, refs), (X_PORTOLAN_USER, user)] {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    response
}

/// The user, else what the token is about. What no header can hold is percent-encoded.
fn user(token: &Verified) -> Option<HeaderValue> {
    let name = token.claims.user.as_deref().unwrap_or(&token.claims.sub);
    let name = utf8_percent_encode(name, CONTROLS).to_string();
    HeaderValue::from_str(&name)
        .ok()
        .filter(|name| !name.is_empty())
}
