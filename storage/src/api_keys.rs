//! API keys. Only the SHA-256 of a key is kept: it is a random secret of 256 bits, so nothing
//! slower is needed, and a database thief learns nothing that opens a door.

use std::collections::BTreeSet;

use portolan_domain::{digest::Sha256Digest, ids::OwnerKey};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, Set,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    entity::{api_key_owners, api_keys, owners},
    error::{Result, StorageError, is_duplicate},
    ids::new_id,
    store::Store,
};

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Imports and what belongs to them, for one owner or all.
    Manager,
    /// Reads what a content proxy needs.
    Proxy,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Manager, Self::Proxy];

    /// The role's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Proxy => "proxy",
        }
    }

    /// Reads a role's name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// A key as it is listed: never with its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its number.
    pub id: Uuid,
    /// Its name, by which it is revoked.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The owners it is bound to; empty means all.
    pub owners: Vec<OwnerKey>,
    /// When it was created.
    pub created_at: OffsetDateTime,
}

/// A key to be stored.
#[derive(Debug, Clone)]
pub struct NewApiKey<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it may do.
    pub role: Role,
    /// The owners it is bound to; empty means all.
    pub owners: &'a [OwnerKey],
    /// The digest of its secret.
    pub secret_sha256: Sha256Digest,
}

impl Store {
    /// Stores a key.
    ///
    /// # Errors
    /// [`StorageError::Taken`] where the name is; [`StorageError::NotFound`] for an unknown owner.
    pub async fn create_api_key(&self, key: &NewApiKey<'_>, now: OffsetDateTime) -> Result<ApiKey> {
        let transaction = self.write().await?;
        let id = new_id();
        let row = api_keys::ActiveModel {
            id: Set(id),
            name: Set(key.name.to_owned()),
            role: Set(key.role.as_str().to_owned()),
            secret_sha256: Set(key.secret_sha256.to_string()),
            created_at: Set(now),
            bound: Set(!key.owners.is_empty()),
        };
        let row = row.insert(&transaction).await.map_err(|error| {
            if is_duplicate(&error) {
                let (what, name) = ("API key", key.name.to_owned());
                StorageError::Taken { what, name }
            } else {
                error.into()
            }
        })?;
        let distinct: BTreeSet<_> = key.owners.iter().collect();
        for owner in distinct {
            let owner = self.owner_row(&transaction, owner).await?;
            let bound = api_key_owners::ActiveModel {
                api_key_id: Set(id),
                owner_id: Set(owner.id),
            };
            bound.insert(&transaction).await?;
        }
        let stored = load(&transaction, row).await?;
        transaction.commit().await?;
        stored.ok_or_else(|| StorageError::NotFound {
            what: "API key",
            name: key.name.to_owned(),
        })
    }

    /// The key with this digest, if there is one.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn api_key(&self, secret_sha256: Sha256Digest) -> Result<Option<ApiKey>> {
        let row = api_keys::Entity::find()
            .filter(api_keys::Column::SecretSha256.eq(secret_sha256.to_string()))
            .one(&self.database)
            .await?;
        match row {
            Some(row) => load(&self.database, row).await,
            None => Ok(None),
        }
    }

    /// All keys, by name.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        let rows = api_keys::Entity::find()
            .order_by_asc(api_keys::Column::Name)
            .all(&self.database)
            .await?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows {
            keys.extend(load(&self.database, row).await?);
        }
        Ok(keys)
    }

    /// Revokes a key: it is gone.
    ///
    /// # Errors
    /// [`StorageError::NotFound`].
    pub async fn revoke_api_key(&self, name: &str) -> Result<()> {
        let revoked = api_keys::Entity::delete_many()
            .filter(api_keys::Column::Name.eq(name))
            .exec(&self.database)
            .await?;
        if revoked.rows_affected == 0 {
            let (what, name) = ("API key", name.to_owned());
            return Err(StorageError::NotFound { what, name });
        }
        Ok(())
    }
}

/// The key with its owners. The rows are read one after the other: a bound key without an owner is
/// one that is being revoked just now, and is none.
async fn load(connection: &impl ConnectionTrait, row: api_keys::Model) -> Result<Option<ApiKey>> {
    let corrupt = |column| StorageError::Corrupt {
        table: "api_keys",
        column,
        row: row.name.clone(),
    };
    let bound = api_key_owners::Entity::find()
        .filter(api_key_owners::Column::ApiKeyId.eq(row.id))
        .all(connection)
        .await?;
    let ids = bound.iter().map(|bound| bound.owner_id);
    let owners = owners::Entity::find()
        .filter(owners::Column::Id.is_in(ids))
        .order_by_asc(owners::Column::Key)
        .all(connection)
        .await?;
    let keys: Option<Vec<OwnerKey>> = owners.iter().map(|owner| owner.key.parse().ok()).collect();
    let keys = keys.ok_or_else(|| corrupt("owners"))?;
    if row.bound == keys.is_empty() {
        return Ok(None);
    }
    Ok(Some(ApiKey {
        id: row.id,
        role: Role::from_name(&row.role).ok_or_else(|| corrupt("role"))?,
        owners: keys,
        name: row.name,
        created_at: row.created_at,
    }))
}
