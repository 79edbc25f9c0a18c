//! What all answers of an owner have in common: where its content is, with which CA, and which key opens what is
//! sealed for it. It is remembered from one question to the next. Each question asks in its own statement whether it
//! is still so: the owner's generation, and the operator's CDNs', grow in the transaction that changes any of it.

use std::sync::Arc;

use moka::sync::Cache;
use portolan_domain::ids::OwnerKey;

use super::{
    OwnerAnswer,
    found::{self, FoundOwner},
};
use crate::{
    changes::Changes,
    database::Database,
    error::{Result, StorageError},
    resolve_cdn::resolve_signing_cdn,
    seal::SealingKey,
    store::Store,
};

/// Owners that are remembered at most.
const MOST: u64 = 10_000;

/// Of which owner something is, and which of its states the database was in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub owner: i64,
    /// The owner's generation.
    pub generation: i64,
    /// That of the operator's CDNs.
    pub cdns: i64,
}

/// An owner, as it was in one state.
pub(super) struct KnownOwner {
    pub seen: Seen,
    pub answer: Arc<OwnerAnswer>,
    pub sealing: SealingKey,
    /// What was known of changes before it was read.
    position: u64,
}

/// Owners that were asked for; cheap to clone, and shared by all clones of a store.
#[derive(Clone)]
pub(crate) struct KnownOwners(Cache<i64, Arc<KnownOwner>>);

impl Default for KnownOwners {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl KnownOwners {
    /// The owner, where memory has it in this very state. Where changes may have been missed, a database that was
    /// put back could have come to the same numbers in another way.
    fn get(&self, seen: Seen, changes: &Changes) -> Option<Arc<KnownOwner>> {
        let known = self.0.get(&seen.owner)?;
        let is_so = known.seen == seen
            && changes.is_sure(known.position)
            && changes.covers_all(known.position);
        is_so.then_some(known)
    }
}

impl Store {
    /// The owner in this state or a later one; none where it is gone.
    ///
    /// # Errors
    /// [`StorageError::WithoutImport`] where it has imported nothing.
    pub(super) async fn known_owner(
        &self,
        database: &Database,
        seen: Seen,
    ) -> Result<Option<Arc<KnownOwner>>> {
        if let Some(known) = self.known.get(seen, &self.changes) {
            return Ok(Some(known));
        }
        let position = self.changes.position();
        let Some((seen, owner)) = found::owner(database, seen.owner).await? else {
            return Ok(None);
        };
        let known = Arc::new(KnownOwner {
            seen,
            sealing: self.opened_data_key(&owner.key, &owner.data_key_sealed)?,
            answer: Arc::new(self.owner_answers(database, seen.owner, owner).await?),
            position,
        });
        self.known.0.insert(seen.owner, known.clone());
        Ok(Some(known))
    }

    async fn owner_answers(
        &self,
        database: &Database,
        id: i64,
        owner: FoundOwner,
    ) -> Result<OwnerAnswer> {
        let key: OwnerKey = owner.key.parse().map_err(|_| found::corrupt(id, "key"))?;
        let Some(imported) = owner.imported else {
            return Err(StorageError::WithoutImport(key));
        };
        let (cdn, profile) = match owner.said.as_given() {
            // Nothing of an operator's changes what was given.
            Some(given) if !owner.operators => (given, None),
            _ => resolve_signing_cdn(database, id, &owner.said).await?,
        };
        let signer = match profile {
            Some(profile) => {
                let owner = (id, key.as_str());
                self.owner_signer(database, owner, &profile).await?
            }
            None => None,
        };
        Ok(OwnerAnswer {
            key,
            consumer_uuid: imported.consumer_uuid,
            cdn,
            ca: imported.ca,
            signer,
        })
    }
}
