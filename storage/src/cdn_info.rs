//! What a proxy asks for every content request: where, with which CA, with which certificate.

use portolan_domain::{
    ids::{EntitlementId, OwnerKey},
    secret::PrivateKeyPem,
};
use sea_orm::EntityTrait;
use time::OffsetDateTime;

use crate::{
    cdn_signing::CdnSigner,
    entity::{downstream_entitlements, entitlements, owners, upstream_consumers},
    error::{Result, StorageError},
    resolve_cdn::{CdnAnswer, resolve_signing_cdn},
    seal::{Place, SealingKey},
    store::Store,
    upstream_consumers::{RecordedCa, recorded_ca},
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
}

/// Of whom an answer is: who asked for what, and which upstream entitlement is behind it.
struct Resolved {
    id: Option<EntitlementId>,
    owner: owners::Model,
    upstream: Option<entitlements::Model>,
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
        let database = &self.database;
        let upstream = entitlements::Entity::find_by_id(id.as_str())
            .one(database)
            .await?;
        let (owner, upstream, registered) = if let Some(row) = upstream {
            (row.owner_id, Some(row), false)
        } else {
            let registered = downstream_entitlements::Entity::find_by_id(id.as_str())
                .one(database)
                .await?;
            let Some(registered) = registered else {
                return Ok(None);
            };
            let upstream = self.upstream_of(&registered, now).await?;
            // A pool has entitlements. Without one, an import between the queries took it away.
            if upstream.is_none() && registered.pool_id.is_some() {
                return Ok(None);
            }
            (registered.owner_id, upstream, true)
        };
        let Some(owner) = owners::Entity::find_by_id(owner).one(database).await? else {
            return Ok(None);
        };
        let id = Some(id.clone());
        let resolved = Resolved {
            id,
            owner,
            upstream,
        };
        match self.answer(resolved).await {
            // Its import was undone between the queries: then the entitlement is gone too.
            Err(StorageError::WithoutImport(_)) if !registered => Ok(None),
            other => other.map(Some),
        }
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
        let owner = self.owner_row(&self.database, owner).await?;
        let upstream = self.choose(owner.id, None, now).await?;
        let id = None;
        self.answer(Resolved {
            id,
            owner,
            upstream,
        })
        .await
    }

    async fn answer(&self, resolved: Resolved) -> Result<EntitlementAnswer> {
        let Resolved {
            id,
            owner,
            upstream,
        } = resolved;
        let key: OwnerKey = owner.key.parse().map_err(|_| StorageError::Corrupt {
            table: "owners",
            column: "key",
            row: owner.id.to_string(),
        })?;
        let consumer = upstream_consumers::Entity::find_by_id(owner.id)
            .one(&self.database)
            .await?
            .ok_or_else(|| StorageError::WithoutImport(key.clone()))?;
        let (cdn, profile) = resolve_signing_cdn(&self.database, &owner, Some(&consumer)).await?;
        let signer = match profile {
            Some(profile) => self.owner_signer(&owner, &profile).await?,
            None => None,
        };
        Ok(EntitlementAnswer {
            id,
            owner: key,
            pool_id: upstream.as_ref().map(|row| row.pool_id.clone()),
            upstream_id: upstream.as_ref().map(|row| row.id.clone()),
            consumer_uuid: consumer.uuid.clone(),
            cdn,
            signer,
            ca: recorded_ca(&consumer)?,
            certificate: match upstream {
                Some(row) => self.certificate(&owner, row)?,
                None => None,
            },
        })
    }

    fn certificate(
        &self,
        owner: &owners::Model,
        row: entitlements::Model,
    ) -> Result<Option<StoredCertificate>> {
        unsealed(&self.data_key(owner)?, row)
    }
}

/// The certificate of an entitlement, its key unsealed by the data key of its owner.
pub(crate) fn unsealed(
    sealing: &SealingKey,
    row: entitlements::Model,
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
                owner: row.owner_id,
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
