//! Takes an owner's imports away again: afterwards it is as if it had never imported, but for its CDNs
//! and its records.

use portolan_domain::{
    ids::OwnerKey,
    import::{Changes, Counts, ImportStatus},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Unchanged, ColumnTrait, ConnectionTrait, EntityTrait,
    QueryFilter, Set,
};

use super::record::{ImportRecord, Timings, VerificationSnapshot};
use crate::{
    audit::Actor,
    entity::{
        downstream_entitlements, entitlement_ids, entitlements, imports, manifest_files, owners,
        pools, upstream_consumers,
    },
    error::{Result, StorageError},
    ids::new_id,
    owners::locked_owner,
    store::Store,
    times,
    upstream_consumers::snapshot,
};

impl Store {
    /// Removes what an owner has imported, with all its downstream entitlements, and forgets the date
    /// of its last manifest. Another owner can import it then.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner; [`StorageError::WithoutImport`] where nothing
    /// is imported.
    pub async fn undo_import(&self, owner: &OwnerKey, by: &Actor) -> Result<ImportRecord> {
        let transaction = self.write().await?;
        let row = locked_owner(&*transaction, owner).await?;
        let consumer = upstream_consumers::Entity::find_by_id(row.id)
            .one(&*transaction)
            .await?
            .ok_or_else(|| StorageError::WithoutImport(owner.clone()))?;
        let counts = remove_imported(&*transaction, row.id).await?;
        let forgotten = owners::ActiveModel {
            id: Unchanged(row.id),
            last_manifest_created_at: Set(None),
            ..Default::default()
        };
        forgotten.update(&*transaction).await?;
        transaction.owner_changed(row.id, owner).await?;
        let record = record_of(owner, &consumer, counts, by);
        imports::Entity::insert(record.to_row(row.id)?)
            .exec_without_returning(&*transaction)
            .await?;
        let event = by.did("import.delete").of_owner(owner);
        transaction.commit(event.on(record.id.to_string())).await?;
        Ok(record)
    }
}

/// Set by set, and what points to others first: each row is then looked at once.
async fn remove_imported(connection: &impl ConnectionTrait, owner: i64) -> Result<Counts> {
    let downstream = downstream_entitlements::Entity::delete_many()
        .filter(downstream_entitlements::Column::OwnerId.eq(owner))
        .exec(connection)
        .await?;
    let upstream = entitlements::Entity::delete_many()
        .filter(entitlements::Column::OwnerId.eq(owner))
        .exec(connection)
        .await?;
    entitlement_ids::Entity::delete_many()
        .filter(entitlement_ids::Column::OwnerId.eq(owner))
        .exec(connection)
        .await?;
    pools::Entity::delete_many()
        .filter(pools::Column::OwnerId.eq(owner))
        .exec(connection)
        .await?;
    manifest_files::Entity::delete_many()
        .filter(manifest_files::Column::OwnerId.eq(owner))
        .exec(connection)
        .await?;
    upstream_consumers::Entity::delete_by_id(owner)
        .exec(connection)
        .await?;
    Ok(Counts {
        removed: upstream.rows_affected,
        downstream_removed: downstream.rows_affected,
        ..Counts::default()
    })
}

/// The record tells what was taken away, and by whom.
fn record_of(
    owner: &OwnerKey,
    consumer: &upstream_consumers::Model,
    counts: Counts,
    by: &Actor,
) -> ImportRecord {
    ImportRecord {
        id: new_id(),
        status: ImportStatus::Delete,
        status_message: format!("{owner}: the import was undone by {}", by.name),
        created_at: times::kept(by.at),
        by: by.name.clone(),
        upload: None,
        generated_by: None,
        generated_at: None,
        forced_conflicts: Vec::new(),
        consumer: Some(snapshot(consumer)),
        verification: Some(VerificationSnapshot {
            outcome: consumer.outcome.clone(),
            algorithm: consumer.algorithm.clone(),
            ca_filename: consumer.ca_filename.clone(),
            ca_sha256: consumer.ca_sha256.clone(),
        }),
        counts,
        warnings: Vec::new(),
        changes: Changes::default(),
        timings: Timings::default(),
        upload_id: None,
        cdn_url: None,
    }
}
