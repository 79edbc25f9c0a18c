//! An entitlement, its pool and its certificate as JSON. Certificate texts and keys go out byte for
//! byte as they came in.

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::{
    build::{BuildError, candlepin_time},
    digest::Sha256Digest,
    ids::{EntitlementId, PoolId},
    manifest::{Entitlement, IssuedCertificate, Pool, PoolDetails},
    secret::PrivateKeyPem,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntitlementJson<'a> {
    id: &'a EntitlementId,
    quantity: i64,
    start_date: Option<String>,
    end_date: Option<String>,
    certificates: Vec<CertificateJson<'a>>,
    pool: PoolJson<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PoolJson<'a> {
    id: &'a PoolId,
    product_id: Option<&'a str>,
    product_name: Option<&'a str>,
    contract_number: Option<&'a str>,
    account_number: Option<&'a str>,
    order_number: Option<&'a str>,
    quantity: i64,
    start_date: Option<String>,
    end_date: Option<String>,
    #[serde(flatten)]
    details: PoolDetails,
}

#[derive(Serialize)]
struct CertificateJson<'a> {
    id: String,
    key: Option<&'a str>,
    cert: &'a str,
    serial: SerialJson<'a>,
}

#[derive(Serialize)]
struct SerialJson<'a> {
    id: Serial<'a>,
    serial: Serial<'a>,
    expiration: String,
    revoked: bool,
    collected: bool,
}

/// A serial number: a JSON number where it has 64 bits at most, which Candlepin's all have. As text a
/// longer one is read here without being rounded.
#[derive(Clone, Copy)]
struct Serial<'a>(&'a str);

impl Serialize for Serial<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.parse::<u64>() {
            Ok(number) => serializer.serialize_u64(number),
            Err(_) => serializer.serialize_str(self.0),
        }
    }
}

impl<'a> CertificateJson<'a> {
    fn of(certificate: &'a IssuedCertificate) -> Self {
        let serial = Serial(&certificate.serial);
        Self {
            id: Sha256Digest::of(certificate.cert.as_bytes()).to_string()[..32].to_owned(),
            key: certificate.key.as_ref().map(PrivateKeyPem::expose),
            cert: &certificate.cert,
            serial: SerialJson {
                id: serial,
                serial,
                expiration: candlepin_time(certificate.not_after),
                revoked: false,
                collected: false,
            },
        }
    }
}

impl<'a> PoolJson<'a> {
    fn of(pool: &'a Pool) -> Self {
        Self {
            id: &pool.id,
            product_id: pool.product_id.as_deref(),
            product_name: pool.product_name.as_deref(),
            contract_number: pool.contract_number.as_deref(),
            account_number: pool.account_number.as_deref(),
            order_number: pool.order_number.as_deref(),
            quantity: pool.quantity,
            start_date: time(pool.starts_at),
            end_date: time(pool.ends_at),
            details: PoolDetails::of(pool),
        }
    }
}

fn time(at: Option<OffsetDateTime>) -> Option<String> {
    at.map(candlepin_time)
}

/// `entitlements/<id>.json`.
pub(super) fn entitlement(of: &Entitlement) -> Result<Zeroizing<Vec<u8>>, BuildError> {
    let content = EntitlementJson {
        id: &of.id,
        quantity: of.quantity,
        start_date: time(of.starts_at),
        end_date: time(of.ends_at),
        certificates: of.certificate.iter().map(CertificateJson::of).collect(),
        pool: PoolJson::of(&of.pool),
    };
    let details = of.pool.details.as_ref().map_or(0, String::len);
    let certificate = of.certificate.as_ref().map_or(0, size);
    json(&content, certificate + details)
}

/// `upstream_consumer/<serial>.json`.
pub(super) fn identity(of: &IssuedCertificate) -> Result<Zeroizing<Vec<u8>>, BuildError> {
    json(&CertificateJson::of(of), size(of))
}

/// `entitlement_certificates/<serial>.pem`: the certificate's blocks, then the key.
pub(super) fn text(of: &IssuedCertificate) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(size(of)));
    text.extend_from_slice(of.cert.as_bytes());
    let key = of.key.as_ref().map_or("", PrivateKeyPem::expose);
    text.extend_from_slice(key.as_bytes());
    text
}

fn size(of: &IssuedCertificate) -> usize {
    of.cert.len() + of.key.as_ref().map_or(0, |key| key.expose().len())
}

/// What is written is wiped. It must not move while it grows, since a copy would stay behind: line
/// feeds take twice their room in JSON, other fields a few hundred bytes.
fn json(content: &impl Serialize, text: usize) -> Result<Zeroizing<Vec<u8>>, BuildError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * text + (16 << 10)));
    serde_json::to_writer(&mut *bytes, content).map_err(std::io::Error::from)?;
    Ok(bytes)
}
