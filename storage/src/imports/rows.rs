//! From the domain's entitlements and pools to rows: keys are sealed here.

use portolan_domain::{
    digest::{DigestWriter, Sha256Digest},
    manifest::{Entitlement, Pool},
    secret::PrivateKeyPem,
};
use sea_orm::Set;
use std::io::Write;
use time::OffsetDateTime;

use crate::{
    entity::{entitlements, pools},
    error::Result,
    seal::{Place, SealingKey},
    times,
};

pub(super) fn pool_row(owner: i64, pool: &Pool) -> pools::Model {
    pools::Model {
        owner_id: owner,
        id: pool.id.to_string(),
        product_id: pool.product_id.clone(),
        product_name: pool.product_name.clone(),
        contract_number: pool.contract_number.clone(),
        account_number: pool.account_number.clone(),
        order_number: pool.order_number.clone(),
        quantity: pool.quantity,
        // Compared with what is stored: else a finer time would look like a change every time.
        starts_at: pool.starts_at.map(times::kept),
        ends_at: pool.ends_at.map(times::kept),
        details: pool.details.clone(),
    }
}

/// Where an entitlement's key is sealed.
pub(super) fn key_place(owner: i64, id: &str) -> Place<'_> {
    Place {
        table: "entitlements",
        owner,
        row: id,
    }
}

pub(super) fn entitlement_row(
    owner: i64,
    sealing: &SealingKey,
    entitlement: Entitlement,
    content_sha256: Sha256Digest,
) -> Result<entitlements::ActiveModel> {
    let id = entitlement.id.to_string();
    let place = key_place(owner, &id);
    let certificate = entitlement.certificate;
    let key = certificate.as_ref().and_then(|c| c.key.as_ref());
    let key_sealed = key
        .map(|key| sealing.seal(key.expose().as_bytes(), place))
        .transpose()?;
    Ok(entitlements::ActiveModel {
        owner_id: Set(owner),
        pool_id: Set(entitlement.pool.id.to_string()),
        quantity: Set(entitlement.quantity),
        starts_at: Set(entitlement.starts_at),
        ends_at: Set(entitlement.ends_at),
        serial: Set(certificate.as_ref().map(|c| c.serial.clone())),
        not_before: Set(certificate.as_ref().map(|c| c.not_before)),
        not_after: Set(certificate.as_ref().map(|c| c.not_after)),
        cert: Set(certificate.map(|c| c.cert)),
        key_sealed: Set(key_sealed),
        content_sha256: Set(content_sha256.as_bytes().to_vec()),
        id: Set(id),
    })
}

/// A digest of all that is stored of an entitlement. Every field goes in with its length, so that
/// no two entitlements run into the same bytes.
pub(super) fn content_digest(entitlement: &Entitlement) -> Sha256Digest {
    let mut fields = Fields(DigestWriter::new(std::io::sink()));
    fields.text(Some(entitlement.id.as_str()));
    fields.text(Some(entitlement.pool.id.as_str()));
    fields.number(Some(i128::from(entitlement.quantity)));
    fields.time(entitlement.starts_at);
    fields.time(entitlement.ends_at);
    let certificate = entitlement.certificate.as_ref();
    fields.text(certificate.map(|c| c.cert.as_str()));
    fields.text(
        certificate
            .and_then(|c| c.key.as_ref())
            .map(PrivateKeyPem::expose),
    );
    fields.0.finish().1
}

struct Fields(DigestWriter<std::io::Sink>);

impl Fields {
    fn text(&mut self, text: Option<&str>) {
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        let bytes = text.unwrap_or_default().as_bytes();
        // Writing to a sink cannot fail.
        let _ = self.0.write_all(&length.to_be_bytes());
        let _ = self.0.write_all(bytes);
    }

    fn number(&mut self, number: Option<i128>) {
        self.text(number.map(|number| number.to_string()).as_deref());
    }

    fn time(&mut self, time: Option<OffsetDateTime>) {
        self.number(time.map(OffsetDateTime::unix_timestamp_nanos));
    }
}
