//! An entitlement of either kind as it goes out: never with key material.

use portolan_storage::StoredEntitlement;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::times::Timestamp;

/// An entitlement: one that a manifest brought, or one that was registered here.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entitlement {
    /// Its id.
    pub id: String,
    /// `UPSTREAM`: a manifest brought it. `DOWNSTREAM`: it was registered here.
    pub kind: &'static str,
    /// Its owner.
    pub owner_key: String,
    /// Its pool; null where it stands for the owner as a whole.
    pub pool_id: Option<String>,
    /// Of an upstream one its own id; of a downstream one the upstream entitlement that it was
    /// registered for.
    pub upstream_entitlement_id: Option<String>,
    /// How much it is of its pool; null of a downstream one.
    pub quantity: Option<i64>,
    /// Its pool's product.
    pub product_id: Option<String>,
    /// That product's name.
    pub product_name: Option<String>,
    /// When it begins; of a downstream one, its pool.
    pub start_date: Option<Timestamp>,
    /// When it ends; of a downstream one, its pool.
    pub end_date: Option<Timestamp>,
    /// The certificate of an upstream one.
    pub certificate: Option<CertificateSummary>,
    /// When a downstream one was registered.
    pub created: Option<Timestamp>,
}

/// What is told of a certificate without its text.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateSummary {
    /// The serial number in decimal: it does not fit a JavaScript number.
    pub serial: String,
    /// The first valid instant.
    #[schema(value_type = Timestamp)]
    pub not_before: Timestamp,
    /// The last valid instant.
    #[schema(value_type = Timestamp)]
    pub not_after: Timestamp,
    /// Whether it has ended.
    pub expired: bool,
}

impl Entitlement {
    /// A stored entitlement, as of this instant.
    #[must_use]
    pub fn of(stored: StoredEntitlement, now: OffsetDateTime) -> Self {
        let certificate = stored.certificate.map(|dates| CertificateSummary {
            serial: dates.serial,
            not_before: Timestamp(dates.not_before),
            not_after: Timestamp(dates.not_after),
            expired: dates.not_after < now,
        });
        Self {
            id: stored.id.to_string(),
            kind: stored.kind.as_str(),
            owner_key: stored.owner.to_string(),
            pool_id: stored.pool_id,
            upstream_entitlement_id: stored.upstream_id,
            quantity: stored.quantity,
            product_id: stored.product_id,
            product_name: stored.product_name,
            start_date: stored.starts_at.map(Timestamp),
            end_date: stored.ends_at.map(Timestamp),
            certificate,
            created: stored.created_at.map(Timestamp),
        }
    }
}
