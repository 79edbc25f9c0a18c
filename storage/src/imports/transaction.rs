//! One import: one transaction, under a lock on the owner. Dropped before the commit, it leaves
//! nothing behind.

use std::collections::HashSet;

use portolan_domain::{
    conflict::Conflict,
    ids::{CdnLabel, OwnerKey},
    import::{CdnChoice, LastImport, Warning, WarningCode, Warnings, conflicts},
    manifest::{Entitlement, ManifestCdn, ManifestHeader},
    trust::Verification,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Unchanged, ColumnTrait, EntityTrait, NotSet, QueryFilter, Set,
};
use uuid::Uuid;

use super::{
    picture::Picture,
    reconcile::Reconciler,
    record::{ConsumerSnapshot, Draft, ImportRecord, KeptFile, Timings, VerificationSnapshot},
};
use crate::{
    entity::{cdns, imports, manifest_files, owners, upstream_consumers},
    error::{Result, StorageError, is_duplicate},
    ids::new_id,
    owners::locked_owner,
    resolve_cdn::find_cdn,
    seal::SealingKey,
    store::Store,
    times,
    upstream_consumers::consumer_row,
    write::WriteTransaction,
};

/// An import that is being stored.
pub struct ImportTransaction {
    store: Store,
    pub(super) transaction: WriteTransaction,
    pub(super) owner: owners::Model,
    pub(super) owner_key: OwnerKey,
    pub(super) sealing: SealingKey,
    id: Uuid,
    header: ManifestHeader,
    pub(super) draft: Draft,
    forced: Vec<Conflict>,
    files_replaced: bool,
    reconciler: Reconciler,
    /// Why this import will be refused. The rest of it is only parsed then, since what is wrong with
    /// the content counts before what is wrong with the owner's past.
    refusal: Option<StorageError>,
}

impl Store {
    /// Opens an import of the manifest with this header, and locks the owner.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner. Conflicts are reported by
    /// [`ImportTransaction::finish`].
    pub async fn begin_import(
        &self,
        owner: &OwnerKey,
        header: ManifestHeader,
        draft: Draft,
    ) -> Result<ImportTransaction> {
        let transaction = self.write().await?;
        let owner_key = owner.clone();
        let owner = locked_owner(&*transaction, owner).await?;
        let consumer = upstream_consumers::Entity::find_by_id(owner.id)
            .one(&*transaction)
            .await?;
        let last = LastImport {
            created: owner.last_manifest_created_at,
            consumer: consumer.and_then(|row| row.uuid.parse().ok()),
        };
        let (standing, forced) = draft.forced.divide(&conflicts(&header, &last));
        let holder = upstream_consumers::Entity::find()
            .filter(upstream_consumers::Column::Uuid.eq(header.consumer.uuid.as_str()))
            .filter(upstream_consumers::Column::OwnerId.ne(owner.id))
            .one(&*transaction)
            .await?;
        let refusal = if holder.is_some() {
            Some(StorageError::UpstreamConsumerInUse(
                header.consumer.uuid.clone(),
            ))
        } else {
            (!standing.is_empty()).then_some(StorageError::Conflicts(standing))
        };
        Ok(ImportTransaction {
            reconciler: Reconciler::new(&*transaction, owner.id, draft.dry_run).await?,
            sealing: self.data_key(&owner)?,
            store: self.clone(),
            id: new_id(),
            files_replaced: false,
            transaction,
            owner,
            owner_key,
            header,
            draft,
            forced,
            refusal,
        })
    }
}

impl ImportTransaction {
    /// Adds a batch of entitlements, a few hundred at most.
    ///
    /// # Errors
    /// [`StorageError`]. An id of another owner is reported by [`ImportTransaction::finish`].
    pub async fn add(&mut self, batch: Vec<Entitlement>) -> Result<()> {
        if self.refusal.is_some() {
            return Ok(());
        }
        let ids: Vec<String> = batch.iter().map(|e| e.id.to_string()).collect();
        let added = self
            .reconciler
            .add(&*self.transaction, &self.sealing, batch)
            .await;
        match added {
            Err(StorageError::Database(error)) if is_duplicate(&error) => {
                // Another import took an id between our look and our insert. This transaction is
                // dead on PostgreSQL, so the other one's rows are looked at from outside.
                let taken = Reconciler::taken_by_others(&self.store.database, self.owner.id, &ids);
                let taken = taken.await?.ok_or(StorageError::Unavailable(error))?;
                self.refusal = Some(StorageError::EntitlementIdInUse(taken));
                Ok(())
            }
            Err(error @ StorageError::EntitlementIdInUse(_)) => {
                self.refusal = Some(error);
                Ok(())
            }
            other => other,
        }
    }

    /// Keeps files as they came.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn keep(&mut self, files: Vec<KeptFile>) -> Result<()> {
        if self.refusal.is_some() {
            return Ok(());
        }
        self.drop_old_files().await?;
        let rows = files.into_iter().map(|file| manifest_files::ActiveModel {
            owner_id: Set(self.owner.id),
            path: Set(file.path),
            content: Set(file.content),
        });
        manifest_files::Entity::insert_many(rows)
            .exec_without_returning(&*self.transaction)
            .await?;
        Ok(())
    }

    async fn drop_old_files(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.files_replaced, true) {
            manifest_files::Entity::delete_many()
                .filter(manifest_files::Column::OwnerId.eq(self.owner.id))
                .exec(&*self.transaction)
                .await?;
        }
        Ok(())
    }

    /// Reconciles what is gone, stores consumer, CDNs and the record, and commits.
    ///
    /// # Errors
    /// What stands against the import: nothing of it is stored then.
    pub async fn finish(
        mut self,
        verification: &Verification,
        mut warnings: Warnings,
        timings: impl FnOnce() -> Timings,
    ) -> Result<ImportRecord> {
        if let Some(refusal) = self.refusal.take() {
            return Err(refusal);
        }
        if let Verification::Forced(conflict) = verification {
            self.forced.insert(0, *conflict);
        }
        let before = Box::pin(self.picture()).await?;
        let counts = self.reconciler.remove_gone(&*self.transaction).await?;
        self.drop_old_files().await?;
        self.replace_cdns().await?;
        let choice = CdnChoice::of(self.draft.cdn_url.clone(), &self.header);
        if let Some(label) = self.unknown_label(&choice).await? {
            let detail = format!(
                "nobody here knows the CDN {label}; {} is answered until somebody creates it",
                portolan_domain::cdn_url::DEFAULT_CDN_URL
            );
            warnings.push(Warning::of(WarningCode::CdnLabelUnknown, None, detail));
        }
        self.store_consumer(verification, &choice).await?;
        self.touch_owner().await?;
        let upload_id = Box::pin(self.keep_upload()).await?;
        let (status, warnings) = warnings.finish();
        let after = Box::pin(self.picture()).await?;
        let mut changes = Picture::changes(before.as_deref(), after.as_deref());
        changes.append(self.reconciler.changes());
        let record = ImportRecord {
            id: self.id,
            status,
            status_message: self.message(),
            created_at: times::kept(self.draft.by.at),
            by: self.draft.upload.uploaded_by.clone(),
            upload: Some(self.draft.upload.clone()),
            generated_by: self.header.generated_by.clone(),
            generated_at: Some(times::kept(self.header.created)),
            forced_conflicts: self.forced.clone(),
            consumer: Some(ConsumerSnapshot::of(&self.header)),
            verification: Some(VerificationSnapshot::of(verification)),
            counts,
            warnings,
            changes,
            timings: timings(),
            upload_id,
            cdn_url: self
                .draft
                .cdn_url
                .as_ref()
                .map(|url| url.as_given().to_owned()),
        };
        imports::Entity::insert(record.to_row(self.owner.id)?)
            .exec_without_returning(&*self.transaction)
            .await?;
        Box::pin(self.settle(&record)).await?;
        Ok(record)
    }

    async fn picture(&self) -> Result<Option<Box<Picture>>> {
        Picture::of(&*self.transaction, self.owner.id, &self.draft).await
    }

    /// The manifest's CDNs are the owner's; the operator's are never touched.
    async fn replace_cdns(&self) -> Result<()> {
        cdns::Entity::delete_many()
            .filter(cdns::Column::OwnerId.eq(self.owner.id))
            .exec(&*self.transaction)
            .await?;
        let mut labels = HashSet::new();
        let first_of_label = |cdn: &&ManifestCdn| labels.insert(cdn.label.clone());
        for cdn in self.header.cdns.iter().filter(first_of_label) {
            let row = cdns::ActiveModel {
                id: NotSet,
                owner_id: Set(Some(self.owner.id)),
                label: Set(cdn.label.to_string()),
                name: Set(cdn.name.clone()),
                url: Set(cdn.url.as_given().to_owned()),
                normalized_url: Set(cdn.url.normalized().to_owned()),
                certificate: Set(None),
                created_at: Set(None),
                updated_at: Set(None),
            };
            row.insert(&*self.transaction).await?;
        }
        Ok(())
    }

    /// The label that this owner follows, if neither the operator nor the manifest has such a CDN.
    async fn unknown_label(&self, choice: &CdnChoice) -> Result<Option<CdnLabel>> {
        let Some(label) = choice.label.clone().filter(|_| choice.url.is_none()) else {
            return Ok(None);
        };
        let known = find_cdn(&*self.transaction, self.owner.id, label.as_str()).await?;
        Ok(known.is_none().then_some(label))
    }

    async fn store_consumer(&self, verification: &Verification, choice: &CdnChoice) -> Result<()> {
        let consumer = &self.header.consumer;
        let row = consumer_row(self.owner.id, consumer, verification, choice, &self.sealing)?;
        upstream_consumers::Entity::delete_by_id(self.owner.id)
            .exec(&*self.transaction)
            .await?;
        let stored = row.insert(&*self.transaction).await;
        stored.map(drop).map_err(|error| {
            // The owner's own row is locked: only another owner can have the uuid.
            if is_duplicate(&error) {
                StorageError::UpstreamConsumerInUse(consumer.uuid.clone())
            } else {
                error.into()
            }
        })
    }

    /// What the owner's clients are told has changed, and the next manifest must be newer.
    async fn touch_owner(&self) -> Result<()> {
        let change = owners::ActiveModel {
            id: Unchanged(self.owner.id),
            last_manifest_created_at: Set(Some(self.header.created)),
            ..Default::default()
        };
        change.update(&*self.transaction).await?;
        let (id, key) = (self.owner.id, &self.owner_key);
        self.transaction.owner_changed(id, key).await
    }
}
