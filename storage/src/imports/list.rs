//! Reading import records, and recording a failure, which stores nothing else.

use portolan_domain::{
    ids::OwnerKey,
    import::{Changes, Counts, ImportStatus},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::record::{Draft, ImportRecord, Timings};
use crate::{
    audit::Outcome,
    entity::imports,
    error::Result,
    ids::new_id,
    store::{Page, Store},
    times,
};

impl Store {
    /// An owner's import records, newest first, those behind `after`.
    ///
    /// # Errors
    /// [`crate::StorageError::NotFound`] for an unknown owner.
    pub async fn imports(
        &self,
        owner: &OwnerKey,
        after: Option<Uuid>,
        limit: u64,
    ) -> Result<Page<ImportRecord>> {
        let owner = self.owner_row(&self.database, owner).await?;
        let mut query = imports::Entity::find()
            .filter(imports::Column::OwnerId.eq(owner.id))
            .order_by_desc(imports::Column::Id);
        if let Some(after) = after {
            query = query.filter(imports::Column::Id.lt(after));
        }
        let rows = query.limit(limit + 1).all(&self.database).await?;
        let records: Result<Vec<_>> = rows.into_iter().map(ImportRecord::from_row).collect();
        Ok(Page::of(records?, limit))
    }

    /// One of an owner's import records.
    ///
    /// # Errors
    /// [`crate::StorageError::NotFound`] for an unknown owner.
    pub async fn import(&self, owner: &OwnerKey, id: Uuid) -> Result<Option<ImportRecord>> {
        let owner = self.owner_row(&self.database, owner).await?;
        let row = imports::Entity::find_by_id(id)
            .filter(imports::Column::OwnerId.eq(owner.id))
            .one(&self.database)
            .await?;
        row.map(ImportRecord::from_row).transpose()
    }

    /// The record of what the owner has now: of its last import that was stored and not undone.
    ///
    /// # Errors
    /// [`crate::StorageError::NotFound`] for an unknown owner.
    pub async fn current_import(&self, owner: &OwnerKey) -> Result<Option<ImportRecord>> {
        let owner = self.owner_row(&self.database, owner).await?;
        let row = self.last_stored(owner.id).await?;
        let record = row.map(ImportRecord::from_row).transpose()?;
        // Records go by the clocks of the nodes that wrote them. The owner's own row, which was written
        // under its lock, says whether this one still counts.
        let counts = owner.last_manifest_created_at.map(times::kept);
        Ok(record.filter(|record| {
            record.status != ImportStatus::Delete && record.generated_at == counts
        }))
    }

    /// The row of the last import that changed what an owner has.
    pub(crate) async fn last_stored(&self, owner: i64) -> Result<Option<imports::Model>> {
        let row = imports::Entity::find()
            .filter(imports::Column::OwnerId.eq(owner))
            .filter(imports::Column::Status.ne(ImportStatus::Failure.as_str()))
            .order_by_desc(imports::Column::Id)
            .one(&self.database);
        Ok(row.await?)
    }

    /// Records an import that was refused. Nothing else of it is stored.
    ///
    /// # Errors
    /// [`crate::StorageError::NotFound`] for an unknown owner.
    pub async fn record_failure(
        &self,
        owner: &OwnerKey,
        draft: &Draft,
        reason: &str,
        timings: Timings,
    ) -> Result<ImportRecord> {
        let transaction = self.write().await?;
        let row = self.owner_row(&*transaction, owner).await?;
        let record = ImportRecord {
            id: new_id(),
            status: ImportStatus::Failure,
            status_message: reason.to_owned(),
            created_at: times::kept(draft.by.at),
            by: draft.upload.uploaded_by.clone(),
            upload: Some(draft.upload.clone()),
            generated_by: None,
            generated_at: None,
            forced_conflicts: Vec::new(),
            consumer: None,
            verification: None,
            counts: Counts::default(),
            warnings: Vec::new(),
            changes: Changes::default(),
            timings,
            upload_id: None,
            cdn_url: None,
        };
        imports::Entity::insert(record.to_row(row.id)?)
            .exec_without_returning(&*transaction)
            .await?;
        let event = draft.by.did("import.create").of_owner(owner);
        let event = event.on(record.id.to_string()).detail(reason);
        transaction.commit(event.ended(Outcome::Refused)).await?;
        Ok(record)
    }
}
