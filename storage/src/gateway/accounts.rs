//! Users whose passwords are known here, each as a hash.

use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::{LockType, OnConflict},
};
use time::OffsetDateTime;

use super::HolderKind;
use crate::{
    audit::Actor,
    entity::{gateway_accounts, gateway_tokens},
    error::{Result, StorageError},
    generation::gateway_logins_changed,
    store::Store,
    times,
};

/// A user of the gateway's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayAccount {
    /// The name.
    pub name: String,
    /// When it was made, or its password was last changed.
    pub created_at: OffsetDateTime,
}

impl Store {
    /// Lets a user log in with a password, of which this is the hash (PHC form). Where he has one already, this
    /// takes its place, and what he was given before counts no more.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn put_gateway_account(
        &self,
        name: &str,
        password_hash: &str,
        by: &Actor,
    ) -> Result<()> {
        use gateway_accounts::Column::{CreatedAt, Name, PasswordHash};
        let transaction = self.write().await?;
        let row = gateway_accounts::ActiveModel {
            name: Set(name.to_owned()),
            password_hash: Set(password_hash.to_owned()),
            created_at: Set(times::kept(by.at)),
        };
        let again = OnConflict::column(Name)
            .update_columns([PasswordHash, CreatedAt])
            .to_owned();
        gateway_accounts::Entity::insert(row)
            .on_conflict(again)
            .exec_without_returning(&*transaction)
            .await?;
        end_tokens(&transaction, name).await?;
        transaction.commit(by.did("gateway.account").on(name)).await
    }

    /// Ends a user's logins, and all tokens that he was given.
    ///
    /// # Errors
    /// [`StorageError::NotFound`].
    pub async fn delete_gateway_account(&self, name: &str, by: &Actor) -> Result<()> {
        let transaction = self.write().await?;
        let gone = gateway_accounts::Entity::delete_by_id(name)
            .exec(&*transaction)
            .await?;
        if gone.rows_affected == 0 {
            return Err(StorageError::NotFound {
                what: "user of the gateway",
                name: name.to_owned(),
            });
        }
        end_tokens(&transaction, name).await?;
        let event = by.did("gateway.account.delete").on(name);
        transaction.commit(event).await
    }

    /// The hash of a user's password.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn gateway_password_hash(&self, name: &str) -> Result<Option<String>> {
        let row = gateway_accounts::Entity::find_by_id(name)
            .one(&self.database)
            .await?;
        Ok(row.map(|row| row.password_hash))
    }

    /// The users whose passwords are known here, by name.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn gateway_accounts(&self) -> Result<Vec<GatewayAccount>> {
        let rows = gateway_accounts::Entity::find()
            .order_by_asc(gateway_accounts::Column::Name)
            .all(&self.database)
            .await?;
        let account = |row: gateway_accounts::Model| GatewayAccount {
            name: row.name,
            created_at: row.created_at,
        };
        Ok(rows.into_iter().map(account).collect())
    }
}

/// Whether a user's password is still the one with this hash. It stays so until the transaction ends: a change of it
/// comes after, and sees what was given meanwhile.
pub(super) async fn is_still(
    transaction: &DatabaseTransaction,
    (name, password_hash): (&str, &str),
) -> Result<bool> {
    let row = gateway_accounts::Entity::find_by_id(name)
        .lock(LockType::Share)
        .one(transaction)
        .await?;
    Ok(row.is_some_and(|row| row.password_hash == password_hash))
}

/// Ends what a user was given: after the change of his account, which waits for tokens that are being given. Every
/// node forgets what it knows of logins within a second.
async fn end_tokens(transaction: &DatabaseTransaction, user: &str) -> Result<()> {
    gateway_logins_changed(transaction).await?;
    gateway_tokens::Entity::delete_many()
        .filter(gateway_tokens::Column::HolderKind.eq(HolderKind::User.as_str()))
        .filter(gateway_tokens::Column::Holder.eq(user))
        .exec(transaction)
        .await?;
    Ok(())
}
