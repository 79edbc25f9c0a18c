//! What bodies say of a CDN, as checked types.

use axum::http::StatusCode;
use portolan_domain::trust::CertificateBundle;

use serde::Deserialize;

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

/// A certificate in a body: PEM, or Candlepin's object around it, as a client below its prefix reads it and
/// sends it back.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a certificate as PEM text")]
pub enum CertificateText {
    /// The text.
    Pem(String),
    /// Candlepin's `CertificateDTO`.
    Candlepin {
        /// The text.
        cert: String,
    },
}

impl std::ops::Deref for CertificateText {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Pem(text) | Self::Candlepin { cert: text } => text,
        }
    }
}
