//! Which certificates end soon, soonest first: one query per kind, each along its index, merged.

use std::collections::BTreeMap;

use portolan_domain::{digest::Sha256Digest, expiry::CertificateKind, ids::OwnerKey};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait},
};
use time::OffsetDateTime;

use crate::{
    entity::{cdns, entitlements, owners, upstream_consumers},
    error::{Result, StorageError},
    store::Store,
};

/// Where a certificate stands in the list. The fields are compared in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiryPlace {
    /// Its last valid instant.
    pub not_after: OffsetDateTime,
    /// What it is here for.
    pub kind: CertificateKind,
    /// What tells it from others of its kind that end in the same second.
    pub key: String,
}

/// A certificate and when it ends. Never with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingCertificate {
    /// Where it stands in the list; its key is the entitlement's id, or the consumer's uuid.
    pub place: ExpiryPlace,
    /// Whose it is.
    pub owner: OwnerKey,
    /// Its serial number, in decimal.
    pub serial: Option<String>,
    /// The certificate text.
    pub cert: Option<String>,
}

/// Which certificates are asked for.
#[derive(Debug, Clone, Copy)]
pub struct ExpiryFilter<'a> {
    /// Those of these owners alone.
    pub owners: Option<&'a [OwnerKey]>,
    /// Those that end at this instant at the latest.
    pub until: OffsetDateTime,
    /// Those behind this place.
    pub after: Option<&'a ExpiryPlace>,
}

impl Store {
    /// Identities and entitlements that end, soonest first, at most `limit` of each kind. What else
    /// ends, the caller knows.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn ending_certificates(
        &self,
        filter: &ExpiryFilter<'_>,
        limit: u64,
    ) -> Result<Vec<EndingCertificate>> {
        let owners = match filter.owners {
            Some(keys) => Some(
                self.owner_keys(owners::Column::Key.is_in(names(keys)))
                    .await?,
            ),
            None => None,
        };
        let ids = owners.as_ref().map(|owners| owners.keys().copied());
        let ids: Option<Vec<i64>> = ids.map(Iterator::collect);
        let mut found = self
            .ending_entitlements(filter, ids.as_deref(), limit)
            .await?;
        found.extend(
            self.ending_identities(filter, ids.as_deref(), limit)
                .await?,
        );
        let owners = if let Some(owners) = owners {
            owners
        } else {
            let ids = found.iter().map(|found| found.owner);
            self.owner_keys(owners::Column::Id.is_in(ids)).await?
        };
        // An owner that was deleted between the questions took its certificates along.
        let named = |found: Found| {
            Some(EndingCertificate {
                owner: owners.get(&found.owner)?.clone(),
                place: found.place,
                serial: found.serial,
                cert: found.cert,
            })
        };
        Ok(found.into_iter().filter_map(named).collect())
    }

    /// The operator's CDNs that have a certificate of their own: label and PEM.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn operators_cdn_certificates(&self) -> Result<Vec<(String, String)>> {
        let rows = cdns::Entity::find()
            .select_only()
            .columns([cdns::Column::Label, cdns::Column::Certificate])
            .filter(cdns::Column::OwnerId.is_null())
            .filter(cdns::Column::Certificate.is_not_null())
            .order_by_asc(cdns::Column::Label)
            .into_tuple()
            .all(&self.database)
            .await?;
        Ok(rows)
    }

    async fn ending_entitlements(
        &self,
        filter: &ExpiryFilter<'_>,
        owners: Option<&[i64]>,
        limit: u64,
    ) -> Result<Vec<Found>> {
        use entitlements::Column::{Cert, Id, NotAfter, OwnerId, Serial};
        let query = entitlements::Entity::find()
            .select_only()
            .columns([OwnerId, Id, NotAfter, Serial, Cert]);
        let kind = CertificateKind::Entitlement;
        let query = along(query, (OwnerId, NotAfter, Id), kind, filter, owners);
        let rows: Vec<Row> = query.limit(limit).into_tuple().all(&self.database).await?;
        Ok(rows.into_iter().map(|row| Found::of(row, kind)).collect())
    }

    async fn ending_identities(
        &self,
        filter: &ExpiryFilter<'_>,
        owners: Option<&[i64]>,
        limit: u64,
    ) -> Result<Vec<Found>> {
        use upstream_consumers::Column::{
            IdentityCert, IdentityNotAfter, IdentitySerial, OwnerId, Uuid,
        };
        let columns = [
            OwnerId,
            Uuid,
            IdentityNotAfter,
            IdentitySerial,
            IdentityCert,
        ];
        let query = upstream_consumers::Entity::find()
            .select_only()
            .columns(columns);
        let kind = CertificateKind::Identity;
        let query = along(
            query,
            (OwnerId, IdentityNotAfter, Uuid),
            kind,
            filter,
            owners,
        );
        let rows: Vec<Row> = query.limit(limit).into_tuple().all(&self.database).await?;
        Ok(rows.into_iter().map(|row| Found::of(row, kind)).collect())
    }

    /// The public keys of the CAs that verified these owners' manifests.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn cas_that_verified(&self, owners: &[OwnerKey]) -> Result<Vec<Sha256Digest>> {
        use upstream_consumers::Column::{CaSpkiSha256, OwnerId};
        let owners = self
            .owner_keys(owners::Column::Key.is_in(names(owners)))
            .await?;
        let rows: Vec<(i64, String)> = upstream_consumers::Entity::find()
            .select_only()
            .columns([OwnerId, CaSpkiSha256])
            .filter(OwnerId.is_in(owners.into_keys()))
            .filter(CaSpkiSha256.is_not_null())
            .into_tuple()
            .all(&self.database)
            .await?;
        let read = |(owner, digest): (i64, String)| {
            digest.parse().map_err(|_| StorageError::Corrupt {
                table: "upstream_consumers",
                column: "ca_spki_sha256",
                row: owner.to_string(),
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Owners by number.
    async fn owner_keys(&self, which: Expr) -> Result<BTreeMap<i64, OwnerKey>> {
        let rows: Vec<(i64, String)> = owners::Entity::find()
            .select_only()
            .columns([owners::Column::Id, owners::Column::Key])
            .filter(which)
            .into_tuple()
            .all(&self.database)
            .await?;
        let corrupt = |id: i64| StorageError::Corrupt {
            table: "owners",
            column: "key",
            row: id.to_string(),
        };
        let read = |(id, key): (i64, String)| Ok((id, key.parse().map_err(|_| corrupt(id))?));
        rows.into_iter().map(read).collect()
    }
}

/// Owner, id, end, serial number, certificate.
type Row = (i64, String, OffsetDateTime, Option<String>, Option<String>);

/// A row with its owner's number in place of the key.
struct Found {
    owner: i64,
    place: ExpiryPlace,
    serial: Option<String>,
    cert: Option<String>,
}

impl Found {
    fn of((owner, key, not_after, serial, cert): Row, kind: CertificateKind) -> Self {
        let place = ExpiryPlace {
            not_after,
            kind,
            key,
        };
        Self {
            owner,
            place,
            serial,
            cert,
        }
    }
}

fn names(keys: &[OwnerKey]) -> impl Iterator<Item = &str> {
    keys.iter().map(OwnerKey::as_str)
}

/// The query along the index of a kind: within the time, of these owners, behind the place.
fn along<E: EntityTrait>(
    query: Select<E>,
    (owner, end, id): (E::Column, E::Column, E::Column),
    kind: CertificateKind,
    filter: &ExpiryFilter<'_>,
    owners: Option<&[i64]>,
) -> Select<E> {
    query
        // Certificates end in whole seconds, and SQLite compares texts.
        .filter(end.lte(filter.until.truncate_to_second()))
        .apply_if(owners, |query, owners| {
            query.filter(owner.is_in(owners.iter().copied()))
        })
        .apply_if(filter.after, |query, after| {
            let behind = match kind.cmp(&after.kind) {
                std::cmp::Ordering::Less => end.gt(after.not_after),
                std::cmp::Ordering::Greater => end.gte(after.not_after),
                // As one comparison of two columns it is one range of the index, however many end
                // in the same second.
                std::cmp::Ordering::Equal => {
                    let place = [Expr::value(after.not_after), Expr::value(&*after.key)];
                    let columns = [end.into_expr(), id.into_expr()];
                    Expr::tuple(columns).gt(Expr::tuple(place))
                }
            };
            query.filter(behind)
        })
        .order_by_asc(end)
        .order_by_asc(id)
}
