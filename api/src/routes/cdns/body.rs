//! What bodies say of a CDN, as checked types.

use axum::http::StatusCode;
use portolan_domain::{
    cdn_url::{CdnUrl, HttpCdn},
    trust::CertificateBundle,
};

use crate::problem::Problem;

/// A CDN's base URL. `what` is what it is called where it came in.
///
/// # Errors
/// 400 `cdn-url-invalid`.
pub fn parse_url(what: &str, text: &str, http: HttpCdn) -> Result<CdnUrl, Problem> {
    CdnUrl::parse(text, http).map_err(|why| {
        let title = "The CDN URL cannot be used";
        let detail = format!("{what} {why}.");
        Problem::new(StatusCode::BAD_REQUEST, "cdn-url-invalid", title, detail)
    })
}

/// A CDN's own certificates.
///
/// # Errors
/// 400 `cdn-certificate-invalid`.
pub fn parse_certificate(text: &str) -> Result<CertificateBundle, Problem> {
    CertificateBundle::parse(text.as_bytes()).map_err(|why| {
        let title = "The certificate cannot be used";
        let detail = format!("The field certificate {why}.");
        let status = StatusCode::BAD_REQUEST;
        Problem::new(status, "cdn-certificate-invalid", title, detail)
    })
}
