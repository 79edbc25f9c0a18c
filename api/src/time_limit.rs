//! How long a request may take: to come, and to be answered.

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method, StatusCode, header::RETRY_AFTER},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body::Body;
use tokio::time::timeout;

use crate::{problem::Problem, state::AppState};

/// The routes without a time limit: an upload has one of its own, the import behind it is worth waiting
/// for (so is undoing one), and who waits for a job says how long.
const UNLIMITED: [(Method, &str); 14] = [
    (Method::POST, "/owners/{owner_key}/imports"),
    (Method::POST, "/owners/{owner_key}/imports/async"),
    (
        Method::POST,
        "/owners/{owner_key}/imports/{import_id}/restore",
    ),
    (Method::GET, "/jobs/{job_id}"),
    (Method::DELETE, "/owners/{owner_key}/imports"),
    (Method::POST, "/owners/{owner_key}/entitlements/batch"),
    (Method::POST, "/owners/{owner_key}/grants/batch"),
    (Method::PUT, "/repos/{repo}/commits"),
    (Method::POST, "/owners/{owner_key}/exports"),
    (Method::PUT, "/repository_list"),
    (Method::PUT, "/user_repository_mapping"),
    (Method::PUT, "/update_hosts"),
    (Method::PUT, "/host_repository_mapping"),
    (Method::PUT, "/update_host_repositories"),
];

/// The layer that answers 503 for a route that takes too long. A body has its own time to come.
pub async fn within_time(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map(MatchedPath::as_str).unwrap_or_default();
    // Each route stands again below the compatible prefixes.
    let is = |(method, end): &(Method, &str)| request.method() == method && path.ends_with(end);
    if UNLIMITED.iter().any(is) {
        return next.run(request).await;
    }
    let limits = &state.config.http.limits;
    let mut limit = limits.request();
    if !request.body().is_end_stream() {
        limit += limits.body();
    }
    match timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => timed_out(limits.request_seconds).into_response(),
    }
}

/// 408: what the client sends comes too slowly.
pub fn too_slow(detail: impl Into<String>) -> Problem {
    let title = "The request came too slowly";
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "request-timeout",
        title,
        detail,
    )
}

fn timed_out(seconds: u64) -> Problem {
    tracing::warn!(
        seconds,
        "a request was given up (http.limits.request_seconds)"
    );
    let title = "The answer took too long";
    let detail = "The service is too busy for this at the moment, and gave up. What was to be \
                  changed may be changed or not: look, then try again.";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "timed-out", title, detail)
        .header(RETRY_AFTER, HeaderValue::from_static("10"))
}
