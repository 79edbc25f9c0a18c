//! A path that is to be signed, in whatever part of a request it came.

use std::str::FromStr;

use axum::http::StatusCode;
use portolan_domain::signed_url::InvalidPath;

use crate::problem::Problem;

/// A path or a prefix. `what` is what it is called where it came in.
///
/// # Errors
/// 400 `path-invalid`.
pub fn parse_path<T: FromStr<Err = InvalidPath>>(what: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|why| {
        let title = "The path cannot be signed";
        let detail = format!("The field {what} {why}.");
        Problem::new(StatusCode::BAD_REQUEST, "path-invalid", title, detail)
    })
}
