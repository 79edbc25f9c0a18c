//! The entitlement in a path, and what both routes do with it.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use portolan_domain::ids::EntitlementId;
use portolan_storage::StorageError;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    auth::Caller,
    cache::{Cached, Question},
    problem::Problem,
    routes::etag,
    state::AppState,
};

/// `{entitlement_id}`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct EntitlementPath {
    /// The entitlement's id, 1 to 64 of `A-Za-z0-9_-`.
    pub entitlement_id: String,
}

/// The answer that this caller may have.
pub async fn find(
    path: &EntitlementPath,
    caller: &Caller,
    state: &AppState,
) -> Result<Cached, Problem> {
    let Ok(id) = path.entitlement_id.parse::<EntitlementId>() else {
        // Thumbslug splits a subject at `=` and asks for `<id>,O`: such an id is unknown, and whoever
        // looks for the reason finds it in the log.
        let asked = path
            .entitlement_id
            .escape_debug()
            .take(80)
            .collect::<String>();
        let hint = "no entitlement id; a proxy that cuts it out of a certificate's subject must take the CN";
        tracing::warn!(asked, hint, "an impossible entitlement id was asked for");
        return Err(unknown());
    };
    answer(&Question::Entitlement(id), caller, state).await
}

/// The answer to a question, where this caller may have it.
pub async fn answer(
    question: &Question,
    caller: &Caller,
    state: &AppState,
) -> Result<Cached, Problem> {
    let found = match state.cache.get(question).await {
        Err(StorageError::WithoutImport(owner)) => {
            caller.check_owner(&owner)?;
            return Err(StorageError::WithoutImport(owner).into());
        }
        found => found?.ok_or_else(unknown)?,
    };
    caller.check_owner(found.answer.owner())?;
    Ok(found)
}

/// 404: nobody's.
pub fn unknown() -> Problem {
    let title = "There is no such entitlement";
    let detail = "The entitlement is unknown here, or was revoked.";
    Problem::new(
        StatusCode::NOT_FOUND,
        "entitlement-not-found",
        title,
        detail,
    )
}

/// Sends `cdn_info` as it is in memory.
#[must_use]
pub fn send_info(found: &Cached, headers: &HeaderMap) -> Response {
    send(
        found,
        "application/json",
        found.answer.json.clone(),
        headers,
    )
}

/// Sends a body with its entity tag (RFC 9110), or 304 to whoever has it already. It holds a private
/// key: a shared cache never keeps it, a client's own for a minute at most.
pub fn send(found: &Cached, kind: &'static str, body: Bytes, headers: &HeaderMap) -> Response {
    let etag = &found.answer.etag;
    let is_known = etag
        .to_str()
        .is_ok_and(|etag| etag::is_known(headers, etag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
        (kind, Body::from(body)).into_response()
    };
    let answered = response.headers_mut();
    answered.insert(header::ETAG, etag.clone());
    let keep = HeaderValue::from_static("private, max-age=60");
    answered.insert(header::CACHE_CONTROL, keep);
    answered.insert(header::VARY, HeaderValue::from_static("Authorization"));
    mark_stale(found, answered);
    response
}

/// Marks what comes from memory because the database is away.
pub fn mark_stale(found: &Cached, headers: &mut HeaderMap) {
    if found.stale {
        let warning = HeaderValue::from_static(r#"110 portolan "Response is Stale""#);
        headers.insert(header::WARNING, warning);
    }
}

/// Counts a private key that goes out: neither the head of an answer nor the word that it is unchanged
/// holds one.
pub fn count_read(
    response: &Response,
    method: &Method,
    found: &Cached,
    caller: &Caller,
    state: &AppState,
) {
    if response.status() == StatusCode::OK && *method != Method::HEAD {
        let owner = found.answer.owner();
        let by = &caller.by;
        state
            .audit
            .key_material_read((by.kind, &by.name), owner, by.at);
    }
}
