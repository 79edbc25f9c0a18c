//! What requests leave behind: when a credential was last used, and the nonces that nodes share.
//! Neither is written by the request itself, but for a shared nonce, which must be.

use portolan_domain::digest::Sha256Digest;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, Set, sea_query::Expr, sea_query::OnConflict,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    entity::{api_keys, oauth_nonces},
    error::Result,
    store::Store,
    times,
};

impl Store {
    /// Notes when credentials were last used. Nobody asked for it, so the audit log has nothing of it.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn note_uses(&self, uses: &[(Uuid, OffsetDateTime)]) -> Result<()> {
        // In one order on all nodes: two that hold what the other one wants next would be stuck.
        let mut uses = uses.to_vec();
        uses.sort_unstable();
        let transaction = self.write().await?;
        for (id, at) in &uses {
            let older = Condition::any()
                .add(api_keys::Column::LastUsedAt.is_null())
                .add(api_keys::Column::LastUsedAt.lt(times::kept(*at)));
            api_keys::Entity::update_many()
                .col_expr(api_keys::Column::LastUsedAt, Expr::value(times::kept(*at)))
                .filter(api_keys::Column::Id.eq(*id))
                .filter(older)
                .exec(&*transaction)
                .await?;
        }
        transaction.commit_housekeeping().await
    }

    /// Takes a nonce for all nodes; false where it was taken before.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn take_nonce(
        &self,
        digest: Sha256Digest,
        expires_at: OffsetDateTime,
    ) -> Result<bool> {
        let row = oauth_nonces::ActiveModel {
            digest: Set(digest.to_string()),
            expires_at: Set(times::kept(expires_at)),
        };
        let transaction = self.write().await?;
        let untaken = OnConflict::column(oauth_nonces::Column::Digest)
            .do_nothing()
            .to_owned();
        let inserted = oauth_nonces::Entity::insert(row)
            .on_conflict(untaken)
            .exec_without_returning(&*transaction)
            .await?;
        transaction.commit_housekeeping().await?;
        Ok(inserted > 0)
    }

    /// Forgets the nonces that count no more.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn forget_nonces(&self, now: OffsetDateTime) -> Result<()> {
        let transaction = self.write().await?;
        oauth_nonces::Entity::delete_many()
            .filter(oauth_nonces::Column::ExpiresAt.lt(now))
            .exec(&*transaction)
            .await?;
        transaction.commit_housekeeping().await
    }
}
