//! Registers one downstream entitlement, or revokes it.

use portolan_domain::{
    ids::{EntitlementId, OwnerKey},
    registration::{Registration, Source},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, Set,
    sea_query::OnConflict,
};

use super::{
    DOWNSTREAM,
    list::{StoredEntitlement, entitlement_of},
};
use crate::{
    audit::Actor,
    entity::{downstream_entitlements, entitlement_ids, entitlements, pools},
    error::{Result, StorageError},
    imports::UPSTREAM,
    owners::locked_owner,
    store::Store,
    times,
};

/// Where a downstream entitlement comes from, as it is stored.
#[derive(PartialEq, Eq)]
struct StoredSource {
    pool_id: Option<String>,
    upstream_id: Option<String>,
}

impl Store {
    /// Registers a downstream entitlement. One that is registered so already is left alone.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner, pool or upstream entitlement;
    /// [`StorageError::EntitlementIdInUse`] where the id is another owner's, or an upstream one's.
    pub async fn register_entitlement(
        &self,
        owner: &OwnerKey,
        registration: &Registration,
        by: &Actor,
    ) -> Result<StoredEntitlement> {
        let id = registration.id.as_str();
        let transaction = self.write().await?;
        // Against imports: the pool must not go while this points to it.
        let row = locked_owner(&*transaction, owner).await?;
        let source = stored_source(&*transaction, row.id, &registration.source).await?;
        claim(&*transaction, row.id, &registration.id).await?;
        let before = downstream_entitlements::Entity::find_by_id(id)
            .filter(downstream_entitlements::Column::OwnerId.eq(row.id))
            .one(&*transaction)
            .await?;
        if before.as_ref().map(StoredSource::of).as_ref() == Some(&source) {
            // Another node may have done it: whoever hears that it is so hears nothing older next.
            self.changes.owner_changed(owner);
            return entitlement_of(&*transaction, owner, &registration.id).await;
        }
        let detail = source.in_words();
        write(&*transaction, before, row.id, id, source, by).await?;
        transaction.owner_changed(row.id, owner).await?;
        let stored = entitlement_of(&*transaction, owner, &registration.id).await?;
        let event = by.did("entitlement.register").of_owner(owner);
        transaction.commit(event.on(id).detail(detail)).await?;
        Ok(stored)
    }

    /// Revokes an owner's downstream entitlement, and tells whether there was one.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner; [`StorageError::EntitlementIsUpstream`] where
    /// it is one that a manifest brought.
    pub async fn revoke_entitlement(
        &self,
        owner: &OwnerKey,
        id: &EntitlementId,
        by: &Actor,
    ) -> Result<bool> {
        let transaction = self.write().await?;
        let row = locked_owner(&*transaction, owner).await?;
        let of_owner = entitlement_ids::Column::OwnerId.eq(row.id);
        let found = entitlement_ids::Entity::find_by_id(id.as_str())
            .filter(of_owner.clone())
            .one(&*transaction)
            .await?;
        match found {
            None => {
                self.changes.owner_changed(owner);
                return Ok(false);
            }
            Some(found) if found.kind == UPSTREAM => {
                return Err(StorageError::EntitlementIsUpstream(id.clone()));
            }
            Some(_) => {}
        }
        // Its row goes with its id.
        entitlement_ids::Entity::delete_by_id(id.as_str())
            .filter(of_owner)
            .exec(&*transaction)
            .await?;
        transaction.owner_changed(row.id, owner).await?;
        let event = by.did("entitlement.revoke").of_owner(owner);
        transaction
            .commit(event.on(id.as_str()).revoking(1))
            .await?;
        Ok(true)
    }
}

impl StoredSource {
    fn of(row: &downstream_entitlements::Model) -> Self {
        Self {
            pool_id: row.pool_id.clone(),
            upstream_id: row.upstream_id.clone(),
        }
    }

    fn in_words(&self) -> String {
        match (&self.upstream_id, &self.pool_id) {
            (Some(upstream), _) => format!("upstream entitlement {upstream}"),
            (None, Some(pool)) => format!("pool {pool}"),
            (None, None) => "the owner as a whole".to_owned(),
        }
    }
}

async fn stored_source(
    connection: &impl ConnectionTrait,
    owner: i64,
    source: &Source,
) -> Result<StoredSource> {
    let not_found = |what, name: &str| StorageError::NotFound {
        what,
        name: name.to_owned(),
    };
    let (pool_id, upstream_id) = match source {
        Source::Owner => (None, None),
        Source::Pool(pool) => {
            let pool = pool.as_str();
            let found = pools::Entity::find_by_id((owner, pool.to_owned()))
                .one(connection)
                .await?;
            let found = found.ok_or_else(|| not_found("pool", pool))?;
            (Some(found.id), None)
        }
        Source::Upstream(upstream) => {
            let upstream = upstream.as_str();
            let found = entitlements::Entity::find_by_id(upstream)
                .filter(entitlements::Column::OwnerId.eq(owner))
                .one(connection)
                .await?;
            let found = found.ok_or_else(|| not_found("upstream entitlement", upstream))?;
            (Some(found.pool_id), Some(found.id))
        }
    };
    Ok(StoredSource {
        pool_id,
        upstream_id,
    })
}

/// Makes the id this owner's, where it is nobody's yet.
async fn claim(connection: &impl ConnectionTrait, owner: i64, id: &EntitlementId) -> Result<()> {
    let row = entitlement_ids::ActiveModel {
        id: Set(id.to_string()),
        owner_id: Set(owner),
        kind: Set(DOWNSTREAM.to_owned()),
    };
    // Another owner may be about to take it: this waits for how that ends, and then looks.
    entitlement_ids::Entity::insert(row)
        .on_conflict(
            OnConflict::column(entitlement_ids::Column::Id)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await?;
    let holder = entitlement_ids::Entity::find_by_id(id.as_str())
        .one(connection)
        .await?;
    let is_ours = |row: &entitlement_ids::Model| row.owner_id == owner && row.kind == DOWNSTREAM;
    if holder.as_ref().is_some_and(is_ours) {
        Ok(())
    } else {
        Err(StorageError::EntitlementIdInUse(id.clone()))
    }
}

async fn write(
    connection: &impl ConnectionTrait,
    before: Option<downstream_entitlements::Model>,
    owner: i64,
    id: &str,
    source: StoredSource,
    by: &Actor,
) -> Result<()> {
    if let Some(before) = before {
        let mut change = before.into_active_model();
        change.pool_id = Set(source.pool_id);
        change.upstream_id = Set(source.upstream_id);
        change.update(connection).await?;
        return Ok(());
    }
    let row = downstream_entitlements::ActiveModel {
        id: Set(id.to_owned()),
        owner_id: Set(owner),
        pool_id: Set(source.pool_id),
        upstream_id: Set(source.upstream_id),
        created_at: Set(times::kept(by.at)),
    };
    downstream_entitlements::Entity::insert(row)
        .exec_without_returning(connection)
        .await?;
    Ok(())
}
