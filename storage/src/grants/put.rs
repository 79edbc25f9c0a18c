//! Says what an owner grants to one user, all of it; or that it grants nothing any more.

use std::collections::BTreeSet;

use portolan_domain::{
    grants::Grant,
    ids::{CollectionId, OwnerKey, UserName},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Set};

use super::read::stored;
use crate::{
    audit::Actor,
    entity::{collections, grants},
    error::{Result, StorageError},
    owners::locked_owner,
    store::Store,
    times,
};

/// Rows that travel to the database at once: SQLite takes 32,766 values.
const CHUNK: usize = 4000;

impl Store {
    /// Makes this what the owner grants to the user. The same again changes nothing.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner; [`StorageError::CollectionNotOwned`] where a
    /// collection is in none of its repositories: nothing is stored then.
    pub async fn put_grants(
        &self,
        owner: &OwnerKey,
        user: &UserName,
        granted: &BTreeSet<Grant>,
        by: &Actor,
    ) -> Result<BTreeSet<Grant>> {
        let transaction = self.write().await?;
        // Against the owner's other changes: its repositories, with their collections, stay as they are.
        let id = locked_owner(&*transaction, owner).await?.id;
        check_collections(&*transaction, id, granted).await?;
        let granted: BTreeSet<Grant> = granted.iter().cloned().map(kept).collect();
        if stored(&*transaction, id, user).await? == granted {
            transaction.rollback().await?;
            return Ok(granted);
        }
        clear(&*transaction, id, user).await?;
        let rows: Vec<_> = granted.iter().map(|grant| row(id, user, grant)).collect();
        for rows in rows.chunks(CHUNK) {
            grants::Entity::insert_many(rows.to_vec())
                .exec_without_returning(&*transaction)
                .await?;
        }
        let event = by.did("grant.put").of_owner(owner).on(user.as_str());
        let detail = format!("{} patterns of refs", granted.len());
        transaction.commit(event.detail(detail)).await?;
        Ok(granted)
    }

    /// Takes back all that this owner grants to the user; says whether there was anything.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner.
    pub async fn delete_grants(
        &self,
        owner: &OwnerKey,
        user: &UserName,
        by: &Actor,
    ) -> Result<bool> {
        let transaction = self.write().await?;
        let id = locked_owner(&*transaction, owner).await?.id;
        if clear(&*transaction, id, user).await? == 0 {
            transaction.rollback().await?;
            return Ok(false);
        }
        let event = by.did("grant.delete").of_owner(owner);
        transaction.commit(event.on(user.as_str())).await?;
        Ok(true)
    }
}

async fn check_collections(
    connection: &impl ConnectionTrait,
    owner: i64,
    granted: &BTreeSet<Grant>,
) -> Result<()> {
    let wanted: BTreeSet<&CollectionId> = granted.iter().map(|grant| &grant.collection).collect();
    let names = wanted.iter().map(|collection| collection.as_str());
    let own = collections::Entity::find()
        .filter(collections::Column::OwnerId.eq(owner))
        .filter(collections::Column::Id.is_in(names))
        .all(connection)
        .await?;
    let own: BTreeSet<&str> = own.iter().map(|row| row.id.as_str()).collect();
    let foreign = wanted.into_iter().find(|name| !own.contains(name.as_str()));
    match foreign {
        Some(foreign) => Err(StorageError::CollectionNotOwned(foreign.clone())),
        None => Ok(()),
    }
}

async fn clear(connection: &impl ConnectionTrait, owner: i64, user: &UserName) -> Result<u64> {
    let deleted = grants::Entity::delete_many()
        .filter(grants::Column::UserName.eq(user.as_str()))
        .filter(grants::Column::OwnerId.eq(owner))
        .exec(connection)
        .await?;
    Ok(deleted.rows_affected)
}

fn kept(grant: Grant) -> Grant {
    let until = grant.until.map(times::kept);
    Grant { until, ..grant }
}

fn row(owner: i64, user: &UserName, grant: &Grant) -> grants::ActiveModel {
    grants::ActiveModel {
        user_name: Set(user.to_string()),
        collection_id: Set(grant.collection.to_string()),
        owner_id: Set(owner),
        ref_pattern: Set(grant.pattern.to_string()),
        until: Set(grant.until),
    }
}
