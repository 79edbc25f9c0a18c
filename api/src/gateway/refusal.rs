//! What clients of a registry are told.

use axum::http::StatusCode;

use crate::problem::Problem;

/// 404: there is no such repository for this caller, whether there is one or not.
#[must_use]
pub fn name_unknown(name: &str) -> Problem {
    let detail = format!("There is no repository {name:?}, or you may not pull it.");
    let title = "The repository is unknown";
    Problem::new(
        StatusCode::NOT_FOUND,
        "registry-name-unknown",
        title,
        detail,
    )
}

/// 404, as existing gateways say it: nothing is pushed through one.
#[must_use]
pub fn unsupported() -> Problem {
    let detail = "Pushing and deleting are not supported here: this gateway is for pulling.";
    let title = "That is not supported";
    Problem::new(StatusCode::NOT_FOUND, "registry-unsupported", title, detail)
}

/// 400: a page that cannot be.
#[must_use]
pub fn malformed(detail: impl Into<String>) -> Problem {
    let title = "The page is malformed";
    Problem::new(
        StatusCode::BAD_REQUEST,
        "registry-page-invalid",
        title,
        detail,
    )
}

/// 502 or 503: the registry behind the gateway gives no answer of use.
#[must_use]
pub fn upstream(detail: &str) -> Problem {
    let title = "The registry behind the gateway fails";
    Problem::new(StatusCode::BAD_GATEWAY, "registry-upstream", title, detail)
}

/// 503: the gateway has no registry.
#[must_use]
pub fn no_upstream() -> Problem {
    let detail = "No registry is set (gateway.upstream).";
    let title = "There is no registry";
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "registry-not-set",
        title,
        detail,
    )
}
