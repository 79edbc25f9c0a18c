//! What a proxy asks for every content request: where, with which CA, with which certificate.

mod found;
mod known;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use portolan_domain::{
    ids::{EntitlementId, OwnerKey},
    secret::PrivateKeyPem,
};
use time::OffsetDateTime;
use tokio::time::timeout;

pub(crate) use self::{found::UpstreamRow, known::KnownOwners};
use self::{
    found::{Found, Registered},
    known::KnownOwner,
};
use crate::{
    cdn_signing::CdnSigner,
    database::Database,
    downstream::{choose, upstream_of},
    error::{Result, StorageError},
    replica::{Replica, SETTLING},
    resolve_cdn::CdnAnswer,
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

/// What all answers of an owner have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerAnswer {
    /// Who it is.
    pub key: OwnerKey,
    /// Its upstream consumer.
    pub consumer_uuid: String,
    /// Where the content is.
    pub cdn: CdnAnswer,
    /// The CA that verified the manifest; none where it was forced in.
    pub ca: Option<RecordedCa>,
    /// What signs URLs of this CDN for the owner, where something does.
    pub signer: Option<CdnSigner>,
}

/// Everything about one entitlement that a proxy needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntitlementAnswer {
    /// The id that was asked for; none where the owner was.
    pub id: Option<EntitlementId>,
    /// Whose it is.
    pub owner: Arc<OwnerAnswer>,
    /// The pool that it comes from; none where the owner has no entitlement.
    pub pool_id: Option<String>,
    /// The upstream entitlement behind it; likewise.
    pub upstream_id: Option<String>,
    /// The upstream certificate; none where the manifest had none.
    pub certificate: Option<StoredCertificate>,
    /// Whether the time decided which upstream entitlement is behind it: at another time, another may be.
    pub chosen: bool,
}

/// How long a replica may take: one that replays what its readers are in the way of keeps them waiting.
const REPLICA: Duration = Duration::from_millis(200);
/// How often a question begins anew because its owner changed meanwhile.
const TRIES: usize = 5;

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
        let started = Instant::now();
        if let Some(replica) = self.near_replica()
            && let asked = self.find_entitlement(replica, id, now)
            && let Ok(Ok(Some(found))) = timeout(REPLICA, asked).await
            && let settling = SETTLING + started.elapsed()
            && !self.changes.changed_within(&found.owner.key, settling)
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
            && let Ok(Ok(found)) = timeout(REPLICA, self.find_owner(replica, owner, now)).await
        {
            return Ok(found);
        }
        self.find_owner(&self.database, owner, now).await
    }

    fn near_replica(&self) -> Option<&Database> {
        self.replica.as_ref().and_then(Replica::near)
    }

    async fn find_entitlement(
        &self,
        database: &Database,
        id: &EntitlementId,
        now: OffsetDateTime,
    ) -> Result<Option<EntitlementAnswer>> {
        for _ in 0..TRIES {
            let Some((seen, found)) = found::entitlement(database, id.as_str()).await? else {
                return Ok(None);
            };
            let owner = match (self.known_owner(database, seen).await, &found) {
                // Its import was undone between the questions: then the entitlement is gone too.
                (Err(StorageError::WithoutImport(_)), Found::Upstream(_)) => return Ok(None),
                (owner, _) => owner?,
            };
            let Some(owner) = owner else { return Ok(None) };
            // An entitlement of before a change with an owner of after it was never anybody's answer.
            if owner.seen != seen {
                continue;
            }
            let registered = match found {
                Found::Upstream(row) => {
                    return answer(Some(id), &owner, Some(row), false).map(Some);
                }
                Found::Downstream(registered) => registered,
            };
            let found = downstream(database, (id, &registered), &owner, now).await?;
            if found::state(database, seen.owner).await? == Some(seen) {
                return Ok(found);
            }
        }
        Err(StorageError::timed_out())
    }

    async fn find_owner(
        &self,
        database: &Database,
        key: &OwnerKey,
        now: OffsetDateTime,
    ) -> Result<EntitlementAnswer> {
        for _ in 0..TRIES {
            let seen = found::state_by_key(database, key).await?;
            let owner = match seen {
                Some(seen) => self.known_owner(database, seen).await?,
                None => None,
            };
            let owner = owner.ok_or_else(|| owner_not_found(key))?;
            let upstream = choose(database, owner.seen.owner, None, now).await?;
            if found::state(database, owner.seen.owner).await? == Some(owner.seen) {
                return answer(None, &owner, upstream.map(Into::into), true);
            }
        }
        Err(StorageError::timed_out())
    }
}

async fn downstream(
    database: &Database,
    (id, registered): (&EntitlementId, &Registered),
    owner: &KnownOwner,
    now: OffsetDateTime,
) -> Result<Option<EntitlementAnswer>> {
    let pool = registered.pool_id.as_deref();
    let named = registered.upstream_id.as_deref();
    let upstream = upstream_of(database, owner.seen.owner, (pool, named), now).await?;
    // A pool has entitlements. Without one, an import between the questions took it away.
    if upstream.is_none() && pool.is_some() {
        return Ok(None);
    }
    answer(Some(id), owner, upstream.map(Into::into), true).map(Some)
}

fn answer(
    id: Option<&EntitlementId>,
    owner: &KnownOwner,
    upstream: Option<UpstreamRow>,
    chosen: bool,
) -> Result<EntitlementAnswer> {
    let names = |row: &UpstreamRow| (row.id.clone(), row.pool_id.clone());
    let (upstream_id, pool_id) = upstream.as_ref().map(names).unzip();
    let certificate = match upstream {
        Some(row) => unsealed(&owner.sealing, owner.seen.owner, row)?,
        None => None,
    };
    Ok(EntitlementAnswer {
        id: id.cloned(),
        owner: owner.answer.clone(),
        pool_id,
        upstream_id,
        certificate,
        chosen,
    })
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
