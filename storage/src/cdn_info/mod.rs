//! What a proxy asks for every content request: where, with which CA, with which certificate.

mod found;

use portolan_domain::{
    ids::{EntitlementId, OwnerKey},
    secret::PrivateKeyPem,
};
use sea_orm::DatabaseConnection;
use time::OffsetDateTime;

use self::found::FoundOwner;
pub(crate) use self::found::UpstreamRow;
use crate::{
    cdn_signing::CdnSigner,
    downstream::{choose, upstream_of},
    error::{Result, StorageError},
    replica::{Replica, SETTLING},
    resolve_cdn::{CdnAnswer, resolve_signing_cdn},
    seal::{Place, SealingKey},
    store::{Store, owner_not_found},
    upstream_consumers::RecordedCa,
};

/// A certificate with its key, byte for byte as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCertificate {
    /// Serial number, in decimal.
    pub serial: String,
    /// First valid instant.
    pub not_before: OffsetDateTime,
    /// Last valid instant.
    pub not_after: OffsetDateTime,
    /// The certificate text.
    pub cert: String,
    /// The key, where there is one.
    pub key: Option<PrivateKeyPem>,
}

/// Everything about one entitlement that a proxy needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntitlementAnswer {
    /// The id that was asked for; none where the owner was.
    pub id: Option<EntitlementId>,
    /// Whose it is.
    pub owner: OwnerKey,
    /// The pool that it comes from; none where the owner has no entitlement.
    pub pool_id: Option<String>,
    /// The upstream entitlement behind it; likewise.
    pub upstream_id: Option<String>,
    /// The owner's upstream consumer.
    pub consumer_uuid: String,
    /// Where the content is.
    pub cdn: CdnAnswer,
    /// The CA that verified the manifest; none where it was forced in.
    pub ca: Option<RecordedCa>,
    /// The upstream certificate; none where the manifest had none.
    pub certificate: Option<StoredCertificate>,
    /// What signs URLs of this CDN for the owner, where something does.
    pub signer: Option<CdnSigner>,
    /// Whether the time decided which upstream entitlement is behind it: at another time, another may be.
    pub chosen: bool,
}

/// Of whom an answer is: who asked for what, and which upstream entitlement is behind it.
struct Resolved {
    id: Option<EntitlementId>,
    owner: FoundOwner,
    upstream: Option<UpstreamRow>,
    chosen: bool,
}

impl Store {
    /// Resolves an entitlement id: an upstream entitlement's own, or a downstream one's, by its pool or
    /// its owner. Nothing where it is unknown.
    ///
    /// # Errors
    /// [`StorageError::WithoutImport`] where it is registered, and its owner has imported nothing.
    pub async fn entitlement_answer(
        &self,
        id: &EntitlementId,
        now: OffsetDateTime,
    ) -> Result<Option<EntitlementAnswer>> {
        if let Some(replica) = self.near_replica()
            && let Ok(Some(found)) = self.find_entitlement(replica, id, now).await
            && !self.changes.changed_within(&found.owner, SETTLING)
        {
            return Ok(Some(found));
        }
        self.find_entitlement(&self.database, id, now).await
    }

    /// The answer for an owner as a whole.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner; [`StorageError::WithoutImport`] where it has
    /// imported nothing.
    pub async fn owner_answer(
        &self,
        owner: &OwnerKey,
        now: OffsetDateTime,
    ) -> Result<EntitlementAnswer> {
        if let Some(replica) = self.near_replica()
            && !self.changes.changed_within(owner, SETTLING)
            && let Ok(found) = self.find_owner(replica, owner, now).await
        {
            return Ok(found);
        }
        self.find_owner(&self.database, owner, now).await
    }

    fn near_replica(&self) -> Option<&DatabaseConnection> {
        self.replica.as_ref().and_then(Replica::near)
    }

    async fn find_entitlement(
        &self,
        database: &DatabaseConnection,
        id: &EntitlementId,
        now: OffsetDateTime,
    ) -> Result<Option<EntitlementAnswer>> {
        if let Some((owner, upstream)) = found::by_upstream(database, id.as_str()).await? {
            let resolved = Resolved {
                id: Some(id.clone()),
                owner,
                upstream: Some(upstream),
                chosen: false,
            };
            return match self.answer(database, resolved).await {
                // Its import was undone between the queries: then the entitlement is gone too.
                Err(StorageError::WithoutImport(_)) => Ok(None),
                other => other.map(Some),
            };
        }
        let registered = found::by_downstream(database, id.as_str()).await?;
        let Some((owner, registered)) = registered else {
            return Ok(None);
        };
        let pool = registered.pool_id.as_deref();
        let upstream = registered.upstream_id.as_deref();
        let upstream = upstream_of(database, owner.id, (pool, upstream), now).await?;
        // A pool has entitlements. Without one, an import between the queries took it away.
        if upstream.is_none() && pool.is_some() {
            return Ok(None);
        }
        let resolved = Resolved {
            id: Some(id.clone()),
            owner,
            upstream: upstream.map(Into::into),
            chosen: true,
        };
        self.answer(database, resolved).await.map(Some)
    }

    async fn find_owner(
        &self,
        database: &DatabaseConnection,
        key: &OwnerKey,
        now: OffsetDateTime,
    ) -> Result<EntitlementAnswer> {
        let owner = found::by_owner(database, key.as_str()).await?;
        let owner = owner.ok_or_else(|| owner_not_found(key))?;
        let upstream = choose(database, owner.id, None, now).await?;
        let resolved = Resolved {
            id: None,
            owner,
            upstream: upstream.map(Into::into),
            chosen: true,
        };
        self.answer(database, resolved).await
    }

    async fn answer(
        &self,
        database: &DatabaseConnection,
        resolved: Resolved,
    ) -> Result<EntitlementAnswer> {
        let Resolved {
            id,
            mut owner,
            upstream,
            chosen,
        } = resolved;
        let key: OwnerKey = owner.key.parse().map_err(|_| owner.corrupt("key"))?;
        let Some(imported) = owner.imported.take() else {
            return Err(StorageError::WithoutImport(key));
        };
        let (cdn, profile) = match owner.said.as_given() {
            // Nothing of an operator's changes what was given.
            Some(given) if !owner.operators => (given, None),
            _ => resolve_signing_cdn(database, owner.id, &owner.said).await?,
        };
        let signer = match profile {
            Some(profile) => {
                self.owner_signer(database, (owner.id, &owner.key), &profile)
                    .await?
            }
            None => None,
        };
        Ok(EntitlementAnswer {
            id,
            owner: key,
            pool_id: upstream.as_ref().map(|row| row.pool_id.clone()),
            upstream_id: upstream.as_ref().map(|row| row.id.clone()),
            consumer_uuid: imported.consumer_uuid,
            cdn,
            signer,
            chosen,
            ca: imported.ca,
            certificate: match upstream {
                Some(row) => {
                    let sealing = self.opened_data_key(&owner.key, &owner.data_key_sealed)?;
                    unsealed(&sealing, owner.id, row)?
                }
                None => None,
            },
        })
    }
}

/// The certificate of an entitlement, its key unsealed by the data key of its owner.
pub(crate) fn unsealed(
    sealing: &SealingKey,
    owner: i64,
    row: UpstreamRow,
) -> Result<Option<StoredCertificate>> {
    let (Some(cert), Some(serial), Some(not_before), Some(not_after)) =
        (row.cert, row.serial, row.not_before, row.not_after)
    else {
        return Ok(None);
    };
    let key = match row.key_sealed {
        None => None,
        Some(sealed) => {
            let place = Place {
                table: "entitlements",
                owner,
                row: &row.id,
            };
            let bytes = sealing.open(&sealed, place)?;
            let text = std::str::from_utf8(&bytes).map_err(|_| StorageError::Corrupt {
                table: "entitlements",
                column: "key_sealed",
                row: row.id.clone(),
            })?;
            Some(PrivateKeyPem::new(text.to_owned()))
        }
    };
    Ok(Some(StoredCertificate {
        serial,
        not_before,
        not_after,
        cert,
        key,
    }))
}
