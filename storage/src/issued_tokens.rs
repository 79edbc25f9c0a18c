//! What is known of tokens that were made by hand: their ids, so that one can be revoked by somebody who
//! does not have it. The tokens are kept nowhere.

use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, Set};
use time::OffsetDateTime;

use crate::{
    audit::Actor,
    entity::issued_tokens,
    error::{Result, StorageError, is_duplicate},
    store::Store,
    times,
};

/// A token that was made by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedToken {
    /// Its id.
    pub jti: String,
    /// What people call it.
    pub name: String,
    /// What it is about.
    pub sub: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

impl Store {
    /// Remembers a token that was made, from now on. What has ended is forgotten.
    ///
    /// # Errors
    /// [`StorageError::Taken`] where its id was there before.
    pub async fn note_token(&self, token: &IssuedToken, by: &Actor) -> Result<()> {
        let transaction = self.write().await?;
        issued_tokens::Entity::delete_many()
            .filter(issued_tokens::Column::ExpiresAt.lt(by.at))
            .exec(&*transaction)
            .await?;
        let row = issued_tokens::ActiveModel {
            jti: Set(token.jti.clone()),
            name: Set(token.name.clone()),
            sub: Set(token.sub.clone()),
            created_at: Set(times::kept(token.created_at)),
            expires_at: Set(times::kept(token.expires_at)),
        };
        match row.insert(&*transaction).await {
            Ok(_) => {}
            Err(error) if is_duplicate(&error) => {
                return Err(StorageError::Taken {
                    what: "token",
                    name: token.jti.clone(),
                });
            }
            Err(error) => return Err(error.into()),
        }
        let detail = format!("{} for {}", token.name, token.sub);
        let event = by.did("token.create").on(&*token.jti).detail(detail);
        transaction.commit(event).await
    }

    /// The tokens of these ids that were made by hand. One that nobody made is left out.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn issued_tokens(&self, jtis: &[String]) -> Result<Vec<IssuedToken>> {
        let rows = issued_tokens::Entity::find()
            .filter(issued_tokens::Column::Jti.is_in(jtis))
            .order_by_asc(issued_tokens::Column::Jti)
            .all(&self.database)
            .await?;
        let token = |row: issued_tokens::Model| IssuedToken {
            jti: row.jti,
            name: row.name,
            sub: row.sub,
            created_at: row.created_at,
            expires_at: row.expires_at,
        };
        Ok(rows.into_iter().map(token).collect())
    }
}
