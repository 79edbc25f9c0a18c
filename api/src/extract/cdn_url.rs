//! A CDN's base URL, in whatever part of a request it came.

use axum::http::StatusCode;
use portolan_domain::cdn_url::{CdnUrl, HttpCdn};

use crate::problem::Problem;

/// A CDN's base URL. `what` is what it is called where it came in.
///
/// # Errors
/// 400 `cdn-url-invalid`.
pub fn parse_cdn_url(what: &str, text: &str, http: HttpCdn) -> Result<CdnUrl, Problem> {
    CdnUrl::parse(text, http).map_err(|why| {
        let title = "The CDN URL cannot be used";
        let detail = format!("{what} {why}.");
        Problem::new(StatusCode::BAD_REQUEST, "cdn-url-invalid", title, detail)
    })
}
