//! What a check found, as it goes out.

use portolan_domain::trust::Certificate;
use portolan_storage::Cdn;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::CheckPath;
use crate::view::Timestamp;

/// What was found at a CDN. What is not known, because the check did not come so far, is null.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CdnCheck {
    /// The CDN's label.
    pub label: String,
    /// Its URL.
    pub url: String,
    /// The address and port that were connected to, or tried last.
    pub address: Option<String>,
    /// Whether somebody took the connection there.
    pub connected: bool,
    /// Where the check ended before its end: what was wrong. What is wrong with the certificates is
    /// in `trustError`.
    pub error: Option<String>,
    /// The version of TLS that was agreed on; null over plain HTTP.
    pub tls_version: Option<String>,
    /// The certificates that the CDN showed, its own first.
    pub chain: Vec<CheckedCertificate>,
    /// Whether the chain leads to what is trusted: the CDN's own certificate where it has one, else
    /// today's upstream CAs and those of the system.
    pub trusted: Option<bool>,
    /// Why it does not.
    pub trust_error: Option<String>,
    /// Whether the CDN's certificate is for the host of the URL.
    pub hostname_matches: Option<bool>,
    /// In how many days the CDN's certificate ends; negative where it has ended.
    pub expires_in_days: Option<i64>,
    /// The path that was asked for, below the URL.
    pub path: String,
    /// The HTTP status of the answer. Redirects are not followed.
    pub status: Option<u16>,
    /// How long it took.
    pub duration_ms: u64,
}

/// A certificate that a CDN showed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckedCertificate {
    /// Its subject.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// Its serial number, in decimal.
    pub serial: Option<String>,
    /// SHA-256 of the certificate, in hexadecimal.
    pub sha256: String,
    /// Its first valid instant.
    pub not_before: Timestamp,
    /// Its last valid instant.
    pub not_after: Timestamp,
    /// Whether it has ended.
    pub expired: bool,
}

impl CdnCheck {
    pub(super) fn new(cdn: &Cdn, path: &CheckPath) -> Self {
        Self {
            label: cdn.label.to_string(),
            url: cdn.url.clone(),
            address: None,
            connected: false,
            error: None,
            tls_version: None,
            chain: Vec::new(),
            trusted: None,
            trust_error: None,
            hostname_matches: None,
            expires_in_days: None,
            path: path.as_str().to_owned(),
            status: None,
            duration_ms: 0,
        }
    }

    pub(super) fn is_https(&self) -> bool {
        self.url
            .get(..6)
            .is_some_and(|s| s.eq_ignore_ascii_case("https:"))
    }

    /// Tells the certificates, as they are at this instant.
    pub(super) fn show(&mut self, chain: &[Certificate], at: OffsetDateTime) {
        self.expires_in_days = chain.first().map(|own| {
            let left = own.not_after() - at;
            left.whole_seconds().div_euclid(86_400)
        });
        self.chain = chain
            .iter()
            .map(|c| CheckedCertificate::of(c, at))
            .collect();
    }
}

impl CheckedCertificate {
    fn of(certificate: &Certificate, at: OffsetDateTime) -> Self {
        Self {
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            serial: certificate.serial().ok(),
            sha256: certificate.sha256().to_string(),
            not_before: Timestamp(certificate.not_before()),
            not_after: Timestamp(certificate.not_after()),
            expired: certificate.not_after() < at,
        }
    }
}
