//! A certificate and when it ends, as it goes out.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::Timestamp;
use crate::expiry;

/// A certificate and when it ends.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Expiration {
    /// `IDENTITY` (of an upstream consumer), `ENTITLEMENT`, `CA` (an upstream CA), `CDN` (of one of the
    /// operator's) or `SIGNING` (a CA of this instance).
    pub kind: &'static str,
    /// Whose it is; null where it is the operator's.
    pub owner_key: Option<String>,
    /// The consumer's uuid, the entitlement's id, the CA's file name or the CDN's label.
    pub id: String,
    /// Its subject.
    pub subject: Option<String>,
    /// Its serial number, in decimal.
    pub serial: Option<String>,
    /// Its last valid instant.
    pub not_after: Timestamp,
    /// Whether it has ended.
    pub expired: bool,
}

impl Expiration {
    /// As it is seen at this instant.
    #[must_use]
    pub fn of(found: expiry::Expiration, now: OffsetDateTime) -> Self {
        Self {
            kind: found.place.kind.as_str(),
            owner_key: found.owner.map(|owner| owner.to_string()),
            id: found.id,
            subject: found.subject,
            serial: found.serial,
            not_after: Timestamp(found.place.not_after),
            expired: found.place.not_after < now,
        }
    }
}
