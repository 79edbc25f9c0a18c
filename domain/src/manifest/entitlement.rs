//! `export/entitlements/<id>.json`: an entitlement, its pool and its certificate.

use serde::Deserialize;
use time::OffsetDateTime;

use super::{
    certificates::{CertificateJson, IssuedCertificate, Seen},
    json::or_default,
    lenient::{First, Lenient},
    pool_details::{Kept, List, PoolDetails},
    times::ManifestTime,
};
use crate::{
    expiry::ends_soon,
    ids::{EntitlementId, PoolId},
    import::{Warning, WarningCode},
    trust::rfc3339,
};

/// An upstream entitlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// `id`.
    pub id: EntitlementId,
    /// `quantity`.
    pub quantity: i64,
    /// `startDate`.
    pub starts_at: Option<OffsetDateTime>,
    /// `endDate`, else the pool's.
    pub ends_at: Option<OffsetDateTime>,
    /// Its first certificate.
    pub certificate: Option<IssuedCertificate>,
    /// The pool it was taken from.
    pub pool: Pool,
}

/// An upstream pool, as far as it is shown later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// `id`.
    pub id: PoolId,
    /// `productId`.
    pub product_id: Option<String>,
    /// `productName`.
    pub product_name: Option<String>,
    /// `contractNumber`.
    pub contract_number: Option<String>,
    /// `accountNumber`.
    pub account_number: Option<String>,
    /// `orderNumber`.
    pub order_number: Option<String>,
    /// `quantity`.
    pub quantity: i64,
    /// `startDate`.
    pub starts_at: Option<OffsetDateTime>,
    /// `endDate`.
    pub ends_at: Option<OffsetDateTime>,
    /// What else an export needs of it, as it came: a JSON object.
    pub details: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EntitlementJson {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    quantity: Lenient,
    #[serde(default)]
    start_date: Option<ManifestTime>,
    #[serde(default)]
    end_date: Option<ManifestTime>,
    #[serde(default, deserialize_with = "or_default")]
    certificates: First<CertificateJson>,
    #[serde(default)]
    pool: Option<PoolJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PoolJson {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    product_id: Lenient,
    #[serde(default, deserialize_with = "or_default")]
    product_name: Lenient,
    #[serde(default, deserialize_with = "or_default")]
    contract_number: Lenient,
    #[serde(default, deserialize_with = "or_default")]
    account_number: Lenient,
    #[serde(default, deserialize_with = "or_default")]
    order_number: Lenient,
    #[serde(default, deserialize_with = "or_default")]
    quantity: Lenient,
    #[serde(default)]
    start_date: Option<ManifestTime>,
    #[serde(default)]
    end_date: Option<ManifestTime>,
    #[serde(default)]
    provided_products: Kept,
    #[serde(default)]
    derived_provided_products: Kept,
    #[serde(default)]
    branding: Kept,
    #[serde(default)]
    attributes: Kept,
    #[serde(default)]
    product_attributes: Kept,
    #[serde(default)]
    derived_product_attributes: Kept,
    #[serde(default)]
    derived_product_id: Kept,
    #[serde(default)]
    derived_product_name: Kept,
    #[serde(default)]
    stack_id: Kept,
    #[serde(default)]
    stacked: Kept,
}

impl EntitlementJson {
    /// Checks what is used, and collects what deserves a warning at the instant `at`.
    pub fn check(self, at: OffsetDateTime) -> Result<(Entitlement, Vec<Warning>), String> {
        let id = self.id.ok_or("the field id is missing")?;
        let id: EntitlementId = id.try_into().map_err(|e| format!("the field id: {e}"))?;
        let pool = self.pool.ok_or("the field pool is missing")?.check()?;
        let First { first, others } = self.certificates;
        let first = first.map(CertificateJson::read).transpose();
        let first = first.map_err(|e| format!("the field certificates {e}"))?;
        let (certificate, seen) = first.unzip();
        let entitlement = Entitlement {
            quantity: self.quantity.quantity(),
            starts_at: self.start_date.map(|t| t.0),
            ends_at: self.end_date.map(|t| t.0).or(pool.ends_at),
            id,
            certificate,
            pool,
        };
        let mut warnings = warnings(&entitlement, seen.as_ref(), others, at);
        warnings.extend(ending(&entitlement, at));
        Ok((entitlement, warnings))
    }
}

impl PoolJson {
    fn check(self) -> Result<Pool, String> {
        let id = self.id.ok_or("the field pool.id is missing")?;
        let id = id
            .try_into()
            .map_err(|e| format!("the field pool.id: {e}"))?;
        let details = PoolDetails {
            provided_products: List(self.provided_products),
            derived_provided_products: List(self.derived_provided_products),
            branding: List(self.branding),
            attributes: List(self.attributes),
            product_attributes: List(self.product_attributes),
            derived_product_attributes: self.derived_product_attributes,
            derived_product_id: self.derived_product_id,
            derived_product_name: self.derived_product_name,
            stack_id: self.stack_id,
            stacked: self.stacked,
        };
        Ok(Pool {
            details: details.to_text(),
            id,
            product_id: self.product_id.0,
            product_name: self.product_name.0,
            contract_number: self.contract_number.0,
            account_number: self.account_number.0,
            order_number: self.order_number.0,
            quantity: self.quantity.quantity(),
            starts_at: self.start_date.map(|t| t.0),
            ends_at: self.end_date.map(|t| t.0),
        })
    }
}

fn warnings(
    entitlement: &Entitlement,
    seen: Option<&Seen>,
    others: usize,
    at: OffsetDateTime,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code, detail: String| {
        warnings.push(Warning::of(code, Some(entitlement.id.clone()), detail));
    };
    if let Some(ended) = entitlement.ends_at.filter(|end| *end < at) {
        warn(
            WarningCode::EntitlementEnded,
            format!("it ended on {}", rfc3339(ended)),
        );
    }
    let Some(seen) = seen else {
        let detail = "it has no certificate: clients cannot fetch its content".to_owned();
        warn(WarningCode::EntitlementWithoutCertificate, detail);
        return warnings;
    };
    if seen.common_name.as_deref() != Some(entitlement.id.as_str()) {
        let named = seen.common_name.as_deref().unwrap_or("nobody");
        let named: String = named.escape_debug().take(80).collect();
        let detail = format!("its certificate names {named}, not the entitlement");
        warn(WarningCode::CertificateNameMismatch, detail);
    }
    if !seen.key_fits {
        let detail = "its key is missing, unreadable or another certificate's".to_owned();
        warn(WarningCode::CertificateKeyMismatch, detail);
    }
    if seen.serial_differs {
        let detail = "the file's serial number is not the certificate's, which is used".to_owned();
        warn(WarningCode::SerialRounded, detail);
    }
    if others > 0 {
        let detail = format!("it has {others} more certificates; the first is used");
        warn(WarningCode::SeveralCertificates, detail);
    }
    warnings
}

/// That its certificate ends soon. Of an entitlement that has ended, more is said already.
fn ending(entitlement: &Entitlement, at: OffsetDateTime) -> Option<Warning> {
    let end = entitlement.certificate.as_ref()?.not_after;
    let has_ended = entitlement.ends_at.is_some_and(|end| end < at);
    let detail = format!("its certificate ends on {}", rfc3339(end));
    let id = Some(entitlement.id.clone());
    let soon = ends_soon(end, at) && !has_ended;
    soon.then(|| Warning::of(WarningCode::CertificateEndsSoon, id, detail))
}
