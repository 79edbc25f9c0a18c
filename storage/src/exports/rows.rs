//! From rows to the domain's entitlements and CDNs: keys are unsealed here.

use std::collections::HashMap;

use portolan_domain::{
    cdn_url::CdnUrl,
    manifest::{Entitlement, IssuedCertificate, ManifestCdn, Pool},
};

use crate::{
    cdn_info::unsealed,
    entity::{cdns, entitlements, pools},
    error::{Result, StorageError},
    seal::SealingKey,
};

pub(super) fn entitlement(
    row: entitlements::Model,
    pools: &HashMap<String, pools::Model>,
    sealing: &SealingKey,
) -> Result<Entitlement> {
    let corrupt = |column| StorageError::Corrupt {
        table: "entitlements",
        column,
        row: row.id.clone(),
    };
    let pool = pools.get(&row.pool_id).ok_or_else(|| corrupt("pool_id"))?;
    Ok(Entitlement {
        id: row.id.parse().map_err(|_| corrupt("id"))?,
        quantity: row.quantity,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        pool: self::pool(pool)?,
        certificate: certificate(row, sealing)?,
    })
}

fn certificate(
    row: entitlements::Model,
    sealing: &SealingKey,
) -> Result<Option<IssuedCertificate>> {
    let owner = row.owner_id;
    let found = unsealed(sealing, owner, row.into())?;
    Ok(found.map(|stored| IssuedCertificate {
        cert: stored.cert,
        key: stored.key,
        serial: stored.serial,
        not_before: stored.not_before,
        not_after: stored.not_after,
    }))
}

fn pool(row: &pools::Model) -> Result<Pool> {
    Ok(Pool {
        id: row.id.parse().map_err(|_| StorageError::Corrupt {
            table: "pools",
            column: "id",
            row: row.id.clone(),
        })?,
        product_id: row.product_id.clone(),
        product_name: row.product_name.clone(),
        contract_number: row.contract_number.clone(),
        account_number: row.account_number.clone(),
        order_number: row.order_number.clone(),
        quantity: row.quantity,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        details: row.details.clone(),
    })
}

pub(super) fn manifest_cdn(row: cdns::Model) -> Result<ManifestCdn> {
    let corrupt = |column| StorageError::Corrupt {
        table: "cdns",
        column,
        row: row.id.to_string(),
    };
    Ok(ManifestCdn {
        label: row.label.parse().map_err(|_| corrupt("label"))?,
        url: CdnUrl::from_stored(&row.url).map_err(|_| corrupt("url"))?,
        name: row.name,
    })
}
