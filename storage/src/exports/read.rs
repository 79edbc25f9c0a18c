//! Reads what an owner has imported, in batches, out of one snapshot: an import that is stored
//! meanwhile is in the next export, whole, and nothing of it in this one.

use std::collections::{BTreeSet, HashMap};

use portolan_domain::{
    ids::{CdnLabel, EntitlementId, OwnerKey},
    manifest::{Entitlement, ManifestCdn},
};
use sea_orm::{
    AccessMode, ColumnTrait, DatabaseTransaction, EntityTrait, IsolationLevel, PaginatorTrait,
    QueryFilter, QueryOrder, SqliteTransactionMode, TransactionOptions,
};

use super::{
    rows::{entitlement, manifest_cdn},
    sizes::{self, Batches},
};
use crate::{
    engine::Engine,
    entity::{entitlements, manifest_files, owners, pools, upstream_consumers},
    error::{Result, StorageError},
    imports::{ConsumerSnapshot, KeptFile},
    owners::Owner,
    resolve_cdn::{find_cdn, resolve_cdn},
    seal::SealingKey,
    store::Store,
    upstream_consumers::snapshot,
};

/// Ids that are asked for in one query.
const IDS: usize = 500;

/// A snapshot of what an owner has imported. Dropped, it ends.
pub struct ExportReader {
    transaction: DatabaseTransaction,
    owner: owners::Model,
    sealing: SealingKey,
    consumer: upstream_consumers::Model,
    /// The entitlements that are wanted; none for all.
    only: Option<BTreeSet<EntitlementId>>,
    entitlements: Batches,
    files: Batches,
}

/// Who has imported, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportSource {
    /// The owner.
    pub owner: Owner,
    /// Its upstream consumer.
    pub consumer: ConsumerSnapshot,
    /// Where its content is now.
    pub cdn_url: String,
}

impl Store {
    /// Opens a snapshot of what the owner has imported, of all entitlements or of these; none where it
    /// has imported nothing.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner, or an entitlement that it does not have.
    pub async fn begin_export(
        &self,
        owner: &OwnerKey,
        only: Option<BTreeSet<EntitlementId>>,
    ) -> Result<Option<ExportReader>> {
        let postgres = self.engine() == Engine::Postgres;
        let options = TransactionOptions {
            isolation_level: postgres.then_some(IsolationLevel::RepeatableRead),
            access_mode: postgres.then_some(AccessMode::ReadOnly),
            // SQLite's snapshot begins with the first read, and no writer waits for it (WAL).
            sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
        };
        let transaction = self.database.begin_with_options(options).await?;
        let owner = self.owner_row(&transaction, owner).await?;
        let consumer = upstream_consumers::Entity::find_by_id(owner.id)
            .one(&transaction)
            .await?;
        let Some(consumer) = consumer else {
            return Ok(None);
        };
        let reader = ExportReader {
            sealing: self.data_key(&owner)?,
            transaction,
            owner,
            consumer,
            only,
            entitlements: Batches::default(),
            files: Batches::default(),
        };
        reader.check_ids().await?;
        Ok(Some(reader))
    }
}

impl ExportReader {
    /// Refuses an id that the owner does not have.
    async fn check_ids(&self) -> Result<()> {
        let only: Vec<&EntitlementId> = self.only.iter().flatten().collect();
        for ids in only.chunks(IDS) {
            let found = sizes::existing(&self.transaction, self.owner.id, ids).await?;
            if let Some(missing) = ids.iter().find(|id| !found.contains(id.as_str())) {
                return Err(StorageError::NotFound {
                    what: "entitlement",
                    name: missing.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Who has imported, and as whom.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn source(&self) -> Result<ExportSource> {
        let cdn = resolve_cdn(&self.transaction, &self.owner, Some(&self.consumer)).await?;
        Ok(ExportSource {
            owner: Owner::from_row(self.owner.clone())?,
            consumer: snapshot(&self.consumer),
            cdn_url: cdn.url,
        })
    }

    /// The CDN of this label that counts for the owner, where there is one.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn cdn(&self, label: &CdnLabel) -> Result<Option<ManifestCdn>> {
        let found = find_cdn(&self.transaction, self.owner.id, label.as_str()).await?;
        found.map(manifest_cdn).transpose()
    }

    /// How many entitlements there are to export.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn count(&self) -> Result<u64> {
        if let Some(only) = &self.only {
            return Ok(only.len() as u64);
        }
        let all = entitlements::Entity::find();
        let own = all.filter(entitlements::Column::OwnerId.eq(self.owner.id));
        Ok(own.count(&self.transaction).await?)
    }

    /// The next files that were kept as they came; none after the last.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn files(&mut self) -> Result<Vec<KeptFile>> {
        if self.files.is_empty() {
            let after = self.files.last();
            let more = sizes::files(&self.transaction, self.owner.id, after).await?;
            self.files.refill(more);
        }
        let rows = manifest_files::Entity::find()
            .filter(manifest_files::Column::OwnerId.eq(self.owner.id))
            .filter(manifest_files::Column::Path.is_in(self.files.next()))
            .order_by_asc(manifest_files::Column::Path)
            .all(&self.transaction)
            .await?;
        let kept = |row: manifest_files::Model| KeptFile {
            path: row.path,
            content: row.content,
        };
        Ok(rows.into_iter().map(kept).collect())
    }

    /// The next entitlements, their keys unsealed; none after the last.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn entitlements(&mut self) -> Result<Vec<Entitlement>> {
        if self.entitlements.is_empty() {
            self.refill_entitlements().await?;
        }
        let ids = self.entitlements.next();
        let rows = entitlements::Entity::find()
            .filter(entitlements::Column::OwnerId.eq(self.owner.id))
            .filter(entitlements::Column::Id.is_in(ids))
            .order_by_asc(entitlements::Column::Id)
            .all(&self.transaction)
            .await?;
        let pools = self.pools_of(&rows).await?;
        rows.into_iter()
            .map(|row| entitlement(row, &pools, &self.sealing))
            .collect()
    }

    async fn refill_entitlements(&mut self) -> Result<()> {
        let after = self.entitlements.last();
        let wanted = self.only.as_ref().map(|only| {
            let behind = only.iter().filter(|id| id.as_str() > after);
            behind.take(IDS).collect::<Vec<_>>()
        });
        let more = match wanted {
            Some(ids) => sizes::of_entitlements(&self.transaction, self.owner.id, &ids).await?,
            None => sizes::entitlements(&self.transaction, self.owner.id, after).await?,
        };
        self.entitlements.refill(more);
        Ok(())
    }

    async fn pools_of(&self, of: &[entitlements::Model]) -> Result<HashMap<String, pools::Model>> {
        let ids: BTreeSet<&str> = of.iter().map(|row| row.pool_id.as_str()).collect();
        let rows = pools::Entity::find()
            .filter(pools::Column::OwnerId.eq(self.owner.id))
            .filter(pools::Column::Id.is_in(ids))
            .all(&self.transaction)
            .await?;
        Ok(rows.into_iter().map(|row| (row.id.clone(), row)).collect())
    }
}
