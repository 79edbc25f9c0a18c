//! Rows of signing profiles, and of what is allowed, as what they mean.

use std::collections::BTreeMap;

use portolan_domain::signed_url::{
    PathPrefix, SigningAllow, SigningHash, SigningKind, SigningProfile, SigningSecret,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::CdnSigning;
use crate::{
    entity::{owners, signing_allows, signing_profiles},
    error::{Result, StorageError},
    seal::{Place, SealingKey},
};

/// What may be known of how the URLs of these CDNs are signed, by CDN.
pub(crate) async fn signings(
    connection: &impl ConnectionTrait,
    cdns: &[i64],
) -> Result<BTreeMap<i64, CdnSigning>> {
    let rows = signing_profiles::Entity::find()
        .filter(signing_profiles::Column::CdnId.is_in(cdns.iter().copied()))
        .all(connection)
        .await?;
    if rows.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut allows = allows(connection, cdns).await?;
    rows.into_iter()
        .map(|row| {
            let (kind, hash) = read(&row)?;
            let signing = CdnSigning {
                kind,
                hash,
                key_id: row.key_id,
                allow: allows.remove(&row.cdn_id).unwrap_or_default(),
            };
            Ok((row.cdn_id, signing))
        })
        .collect()
}

/// What may be signed at these CDNs, by CDN.
pub(super) async fn allows(
    connection: &impl ConnectionTrait,
    cdns: &[i64],
) -> Result<BTreeMap<i64, Vec<SigningAllow>>> {
    let rows = signing_allows::Entity::find()
        .find_also_related(owners::Entity)
        .filter(signing_allows::Column::CdnId.is_in(cdns.iter().copied()))
        .order_by_asc(owners::Column::Key)
        .order_by_asc(signing_allows::Column::Prefix)
        .all(connection)
        .await?;
    let mut found: BTreeMap<i64, Vec<SigningAllow>> = BTreeMap::new();
    for (row, owner) in rows {
        // A foreign key holds the owner.
        let Some(owner) = owner else { continue };
        let allow = allow(&row, &owner.key)?;
        found.entry(row.cdn_id).or_default().push(allow);
    }
    Ok(found)
}

pub(super) fn allow(row: &signing_allows::Model, owner: &str) -> Result<SigningAllow> {
    let corrupt = || StorageError::Corrupt {
        table: "signing_allows",
        column: "prefix",
        row: format!("{}/{}", row.cdn_id, row.owner_id),
    };
    // The root is kept as nothing.
    let prefix = Some(&*row.prefix).filter(|prefix| !prefix.is_empty());
    let prefix: Result<PathPrefix, _> = prefix.unwrap_or("/").parse();
    Ok(SigningAllow {
        owner: owner.parse().map_err(|_| corrupt())?,
        prefix: prefix.map_err(|_| corrupt())?,
    })
}

pub(super) fn place(cdn: &str) -> Place<'_> {
    Place {
        table: "signing_profiles",
        owner: 0,
        row: cdn,
    }
}

fn corrupt(column: &'static str, cdn: i64) -> StorageError {
    StorageError::Corrupt {
        table: "signing_profiles",
        column,
        row: cdn.to_string(),
    }
}

fn read(row: &signing_profiles::Model) -> Result<(SigningKind, Option<SigningHash>)> {
    let kind = SigningKind::from_name(&row.kind).ok_or_else(|| corrupt("kind", row.cdn_id))?;
    let hash = row
        .hash
        .as_deref()
        .map(|name| SigningHash::from_name(name).ok_or_else(|| corrupt("hash", row.cdn_id)));
    Ok((kind, hash.transpose()?))
}

pub(super) fn opened(
    instance: &SealingKey,
    row: &signing_profiles::Model,
) -> Result<SigningProfile> {
    let (kind, hash) = read(row)?;
    let bytes = instance.open(&row.secret_sealed, place(&row.cdn_id.to_string()))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| corrupt("secret_sealed", row.cdn_id))?;
    Ok(SigningProfile {
        kind,
        key_id: row.key_id.clone(),
        hash,
        secret: SigningSecret::new(text.to_owned()),
    })
}
