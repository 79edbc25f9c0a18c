//! What bodies say of a CDN, as checked types.

use axum::http::StatusCode;
use portolan_domain::trust::CertificateBundle;

use crate::problem::Problem;

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
