//! What failed here, for clients: that it did, and what to do. Why goes to the log alone.

use axum::http::{HeaderValue, StatusCode, header::RETRY_AFTER};

use super::Problem;

/// A temporary file cannot be written. Nothing was stored or sent yet.
pub(super) fn no_disk(error: &std::io::Error) -> Problem {
    tracing::error!(%error, "a temporary file failed");
    let detail = "A temporary file cannot be written here at the moment. Nothing was changed or sent. \
                  Try again later.";
    let title = "The service is not available";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "unavailable", title, detail)
        .header(RETRY_AFTER, HeaderValue::from_static("60"))
}

/// The database is away. An outage must never look like "not found".
pub(super) fn unavailable(error: &dyn std::error::Error) -> Problem {
    tracing::error!(error = chain(error), "the database is not available");
    let detail = "The database does not answer at the moment. Nothing was changed. Try again soon.";
    let title = "The service is not available";
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        title,
        detail,
    )
    .header(RETRY_AFTER, HeaderValue::from_static("5"))
}

/// The database went away at the one moment where nobody can tell what became of it.
pub(super) fn uncertain(error: &dyn std::error::Error) -> Problem {
    tracing::error!(error = chain(error), "the outcome of a commit is not known");
    let title = "The outcome is not known";
    let detail = "The database went away while it was to keep this. It may have been changed or not: \
                  look, then try again.";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "outcome-unknown", title, detail)
        .header(RETRY_AFTER, HeaderValue::from_static("5"))
}

/// What failed is for the log alone.
pub fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!(error = chain(error), "a request failed");
    let detail =
        "Something failed here; nothing was changed. The log has more under the request's id.";
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "The service failed",
        detail,
    )
}

/// An error with all its sources, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
