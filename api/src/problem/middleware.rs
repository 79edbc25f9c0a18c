//! The outermost layer: gives every request an id, every refusal its body, every answer a log line.

use std::{sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    MEDIA_TYPE, Problem, Verbatim,
    drain::SharedBody,
    registry::{self, is_asked_by_clients},
};
use crate::{auth::masked, gateway::Mount, metrics::HttpFigures, telemetry};

/// The header of a request's id.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: the caller's, where it is 1 to 128 of `A-Za-z0-9._:-`, else a new one.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

impl RequestId {
    /// The id of the request that these are the headers of.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let given = given(headers).and_then(|value| value.to_str().ok());
        let mut new = Uuid::encode_buffer();
        let id = given.unwrap_or_else(|| new_id().hyphenated().encode_lower(&mut new));
        Self(id.into())
    }

    /// The same as the answer has it, for whoever needs nothing else of it.
    #[must_use]
    pub fn header_of(headers: &HeaderMap) -> HeaderValue {
        let mut new = Uuid::encode_buffer();
        given(headers).cloned().unwrap_or_else(|| {
            let id = new_id().hyphenated().encode_lower(&mut new);
            HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static(""))
        })
    }

    /// The same for the answer.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        // What is an id has been looked at: a header may hold it.
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static(""))
    }
}

/// The caller's own id, where it is one.
fn given(headers: &HeaderMap) -> Option<&HeaderValue> {
    let given = headers.get(X_REQUEST_ID)?;
    given.to_str().is_ok_and(is_request_id).then_some(given)
}

fn new_id() -> Uuid {
    #[expect(clippy::disallowed_methods, reason = "an id for the log, never stored")]
    Uuid::now_v7()
}

fn is_request_id(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
    (1..=128).contains(&id.len()) && id.bytes().all(allowed)
}

/// The layer around all routes.
pub async fn finish(
    State(figures): State<HttpFigures>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let path = masked(request.uri().path()).into_owned();
    request.extensions_mut().insert(id.clone());
    let span = tracing::info_span!("request", id = &*id.0, method = method.as_str(), path);
    telemetry::join(&span, request.headers());
    let at_root = request.extensions().get::<Mount>().is_some();
    let for_registry = is_asked_by_clients(request.uri().path(), at_root);
    let body = SharedBody::of(&mut request);
    let mut response = next.run(request).instrument(span.clone()).await;

    // Extractors and the framework refuse with plain text; nothing of that kind leaves here.
    let refused = response.status().is_client_error() || response.status().is_server_error();
    // Nobody waits for the rest of what came too slowly.
    let slow = response.status() == StatusCode::REQUEST_TIMEOUT;
    if let Some(body) = body.filter(|_| refused && !slow) {
        body.drain().await;
    }
    let verbatim = response.extensions().get::<Verbatim>().is_some();
    let write = |problem: &Problem| {
        if for_registry {
            write_for_registry(problem, &id)
        } else {
            write(problem, &path, &id)
        }
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = write(&problem);
    } else if refused && !verbatim && !is_problem(&response) {
        let mut problem = generic(response.status());
        if let Some(allow) = response.headers().get(header::ALLOW) {
            problem = problem.header(header::ALLOW, allow.clone());
        }
        response = write(&problem);
    }
    if for_registry {
        let (name, value) = registry::API_VERSION;
        response.headers_mut().insert(name, value);
    }
    response.headers_mut().insert(X_REQUEST_ID, id.header());
    let status = response.status().as_u16();
    let took = started.elapsed();
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    figures.answered(route, &method, response.status(), took);
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if !refused && is_asked_all_the_time(&method, route) {
        span.in_scope(|| tracing::debug!(status, duration_ms, "answered"));
    } else {
        span.in_scope(|| tracing::info!(status, duration_ms, "answered"));
    }
    response
}

/// Whether a request changes nothing that anybody would look for in the log: a line for each would cost more
/// than the answer. The figures count them.
fn is_asked_all_the_time(method: &Method, route: &str) -> bool {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let asks = ["/token_subset", "/introspect", "/v2/token"];
    reads || route.contains("/edge/") || asks.iter().any(|end| route.ends_with(end))
}

fn is_problem(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(MEDIA_TYPE.as_bytes()))
}

fn write(problem: &Problem, path: &str, id: &RequestId) -> Response {
    let (status, headers) = (problem.status, problem.headers.clone());
    let body = Body::from(problem.body(path, &id.0));
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))];
    (status, kind, headers, body).into_response()
}

/// The same for clients of a registry.
fn write_for_registry(problem: &Problem, id: &RequestId) -> Response {
    let (status, headers) = (problem.status, problem.headers.clone());
    let body = Body::from(registry::body(problem, &id.0));
    let json = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, json)], headers, body).into_response()
}

/// A refusal that the framework made.
fn generic(status: StatusCode) -> Problem {
    let (slug, title, detail) = match status {
        StatusCode::NOT_FOUND => return not_found_problem(),
        StatusCode::METHOD_NOT_ALLOWED => (
            "method-not-allowed",
            "The method is not allowed",
            "See the header Allow.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (
            "body-too-large",
            "The body is too large",
            "The body is over the limit.",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            let detail = "The body's Content-Type is not one that this route takes.";
            (
                "unsupported-media-type",
                "The media type is not supported",
                detail,
            )
        }
        status if status.is_server_error() => {
            let detail = "Something failed here. The log has more under the request's id.";
            ("internal", "The service failed", detail)
        }
        _ => (
            "bad-request",
            "The request is malformed",
            "The request cannot be read.",
        ),
    };
    Problem::new(status, slug, title, detail)
}

fn not_found_problem() -> Problem {
    let detail = "There is no such route. GET /openapi.json lists all; GET /docs shows them.";
    Problem::new(
        StatusCode::NOT_FOUND,
        "route-not-found",
        "There is no such route",
        detail,
    )
}

/// What an unknown route answers.
pub async fn not_found() -> Problem {
    not_found_problem()
}

/// What a known route answers to a method that it does not have; the framework adds `Allow`.
pub async fn wrong_method() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}

#[cfg(test)]
mod tests {
    use super::is_request_id;

    #[test]
    fn a_callers_request_id_is_kept_only_where_it_is_harmless() {
        assert!(is_request_id("a-b.c:d_E9"));
        assert!(is_request_id(&"x".repeat(128)));
        for bad in ["", &"x".repeat(129), "a b", "a\nb", "ä", "a/b", "a;b"] {
            assert!(!is_request_id(bad), "{bad:?} was kept");
        }
    }
}
