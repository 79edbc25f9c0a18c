//! Owners (tenants): create, list, rename, delete.

use portolan_domain::ids::OwnerKey;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Unchanged, ColumnTrait, ConnectionTrait, EntityTrait,
    IntoActiveModel, NotSet, QueryFilter, QueryOrder, QuerySelect, Set, sea_query::LockType,
};
use time::OffsetDateTime;

use crate::{
    audit::Actor,
    entity::{api_key_owners, owners},
    error::{Result, StorageError, is_duplicate},
    store::{Page, Store, owner_not_found},
    times,
};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its number, which Candlepin-family clients see as `id`.
    pub id: i64,
    /// Its key, in every URL.
    pub key: OwnerKey,
    /// Its name for people.
    pub display_name: String,
    /// When it was created.
    pub created_at: OffsetDateTime,
}

impl Owner {
    pub(crate) fn from_row(row: owners::Model) -> Result<Self> {
        let corrupt = |_| StorageError::Corrupt {
            table: "owners",
            column: "key",
            row: row.id.to_string(),
        };
        Ok(Self {
            id: row.id,
            key: row.key.parse().map_err(corrupt)?,
            display_name: row.display_name,
            created_at: row.created_at,
        })
    }
}

impl Store {
    /// Creates an owner with a data key of its own.
    ///
    /// # Errors
    /// [`StorageError::Taken`] where there is one with this key.
    pub async fn create_owner(
        &self,
        key: &OwnerKey,
        display_name: &str,
        by: &Actor,
    ) -> Result<Owner> {
        let transaction = self.write().await?;
        let row = owners::ActiveModel {
            id: NotSet,
            key: Set(key.to_string()),
            display_name: Set(display_name.to_owned()),
            created_at: Set(times::kept(by.at)),
            data_key_sealed: Set(self.new_data_key(&transaction, key.as_str()).await?),
            generation: Set(0),
            last_manifest_created_at: Set(None),
            cdn_url: Set(None),
            cdn_label: Set(None),
        };
        // SQLite returns the row before it is on disk: only the commit tells that it is.
        match row.insert(&*transaction).await {
            Ok(row) => {
                let event = by.did("owner.create").of_owner(key).on(key.as_str());
                transaction.commit(event).await?;
                Owner::from_row(row)
            }
            Err(error) if is_duplicate(&error) => Err(StorageError::Taken {
                what: "owner",
                name: key.to_string(),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// One owner.
    ///
    /// # Errors
    /// [`StorageError::NotFound`].
    pub async fn owner(&self, key: &OwnerKey) -> Result<Owner> {
        Owner::from_row(self.owner_row(&self.database, key).await?)
    }

    /// Owners by key, those behind `after` first; all of them, or those among `only`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn owners(
        &self,
        only: Option<&[OwnerKey]>,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Page<Owner>> {
        let mut query = owners::Entity::find().order_by_asc(owners::Column::Key);
        if let Some(only) = only {
            let keys = only.iter().map(OwnerKey::as_str);
            query = query.filter(owners::Column::Key.is_in(keys));
        }
        if let Some(after) = after {
            query = query.filter(owners::Column::Key.gt(after));
        }
        let rows = query.limit(limit + 1).all(&self.database).await?;
        let owners: Result<Vec<_>> = rows.into_iter().map(Owner::from_row).collect();
        Ok(Page::of(owners?, limit))
    }

    /// Gives an owner another display name.
    ///
    /// # Errors
    /// [`StorageError::NotFound`].
    pub async fn rename_owner(
        &self,
        key: &OwnerKey,
        display_name: &str,
        by: &Actor,
    ) -> Result<Owner> {
        let transaction = self.write().await?;
        let row = self.owner_row(&*transaction, key).await?;
        let mut change = row.into_active_model();
        change.display_name = Set(display_name.to_owned());
        let row = change.update(&*transaction).await?;
        let event = by.did("owner.update").of_owner(key).on(key.as_str());
        transaction.commit(event).await?;
        Owner::from_row(row)
    }

    /// Deletes an owner and all that belongs to it.
    ///
    /// # Errors
    /// [`StorageError::NotFound`]; [`StorageError::InUse`] while an API key is bound to it, since
    /// a key that lost its last owner would count for all.
    pub async fn delete_owner(&self, key: &OwnerKey, by: &Actor) -> Result<()> {
        let transaction = self.write().await?;
        let row = self.owner_row(&*transaction, key).await?;
        let bound = api_key_owners::Entity::find()
            .filter(api_key_owners::Column::OwnerId.eq(row.id))
            .one(&*transaction)
            .await?;
        if bound.is_some() {
            return Err(StorageError::InUse {
                what: "owner",
                name: key.to_string(),
                by: "an API key or another credential is bound to it; revoke that first".to_owned(),
            });
        }
        let gone = owners::ActiveModel {
            id: Unchanged(row.id),
            ..Default::default()
        };
        let deleted = gone.delete(&*transaction).await?;
        if deleted.rows_affected == 0 {
            return Err(owner_not_found(key));
        }
        transaction.owner_deleted(key).await?;
        let event = by.did("owner.delete").of_owner(key).on(key.as_str());
        transaction.commit(event).await
    }
}

/// The owner's row, locked until the transaction ends: against imports and other changes of what is the
/// owner's, not against rows that point to it.
pub(crate) async fn locked_owner(
    connection: &impl ConnectionTrait,
    key: &OwnerKey,
) -> Result<owners::Model> {
    owners::Entity::find()
        .filter(owners::Column::Key.eq(key.as_str()))
        .lock(LockType::NoKeyUpdate)
        .one(connection)
        .await?
        .ok_or_else(|| owner_not_found(key))
}
