//! Refusals of ref tokens.

use axum::http::{HeaderValue, StatusCode, header::RETRY_AFTER};

use super::Problem;
use crate::ref_tokens::{AuthorityError, IssueError};

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Authority(AuthorityError::Store(error)) => error.into(),
            IssueError::Authority(AuthorityError::Silent) => authority_silent(),
            IssueError::Revocations(error) => error.into(),
            IssueError::Signing(error) => error.into(),
        }
    }
}

/// An outage must never look like "nobody may have it".
fn authority_silent() -> Problem {
    let title = "The authority does not answer";
    let detail = "The system that says who may have what (tokens.webhook) does not answer at the moment, \
                  and has said nothing of these refs that still counts. Nothing was given. Try again soon.";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "authority-unavailable", title, detail)
        .header(RETRY_AFTER, HeaderValue::from_static("5"))
}
