//! Takes messages to deliver them, under a lease: whoever takes one and is killed leaves it to the
//! others once the lease has ended. So a message is delivered at least once, and normally once.

use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType},
};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::{entity::webhook_outbox, error::Result, store::Store};

/// A message that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxMessage {
    /// Its number, the same at every attempt.
    pub id: Uuid,
    /// The instant of what it tells.
    pub created_at: OffsetDateTime,
    /// What is sent.
    pub body: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

/// A message that was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Postponed {
    /// Its number.
    pub id: Uuid,
    /// The attempt that failed.
    pub attempt: u32,
    /// When it may be tried again.
    pub until: OffsetDateTime,
}

impl Store {
    /// Takes messages whose turn it is, the longest waiting first. No other node gets them before the
    /// lease has ended.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn claim_messages(
        &self,
        now: OffsetDateTime,
        lease: Duration,
        limit: u64,
    ) -> Result<Vec<OutboxMessage>> {
        use webhook_outbox::Column::{Attempts, Id, NextAt};
        let now = now.truncate_to_second();
        let due = webhook_outbox::Entity::find()
            .filter(NextAt.lte(now))
            .order_by_asc(NextAt)
            .limit(limit);
        // Nearly always there is nothing to do, and SQLite has one writer.
        if due.clone().one(&self.database).await?.is_none() {
            return Ok(Vec::new());
        }
        let transaction = self.write().await?;
        let rows = due
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(&*transaction)
            .await?;
        webhook_outbox::Entity::update_many()
            .col_expr(Attempts, Expr::col(Attempts).add(1))
            .col_expr(NextAt, Expr::value(now + lease))
            .filter(Id.is_in(rows.iter().map(|row| row.id)))
            .exec(&*transaction)
            .await?;
        transaction.commit_housekeeping().await?;
        let taken = |row: webhook_outbox::Model| OutboxMessage {
            id: row.id,
            created_at: row.created_at,
            body: row.body,
            attempt: u32::try_from(row.attempts).unwrap_or(0) + 1,
        };
        Ok(rows.into_iter().map(taken).collect())
    }

    /// Forgets messages that were delivered or given up, and puts the others back.
    ///
    /// # Errors
    /// [`crate::StorageError`]; then they are tried again once their lease has ended.
    pub async fn settle_messages(&self, gone: &[Uuid], later: &[Postponed]) -> Result<()> {
        use webhook_outbox::Column::{Attempts, Id, NextAt};
        let transaction = self.write().await?;
        webhook_outbox::Entity::delete_many()
            .filter(Id.is_in(gone.iter().copied()))
            .exec(&*transaction)
            .await?;
        for postponed in later {
            let attempt = i32::try_from(postponed.attempt).unwrap_or(i32::MAX);
            webhook_outbox::Entity::update_many()
                .col_expr(NextAt, Expr::value(postponed.until.truncate_to_second()))
                .filter(Id.eq(postponed.id))
                // Where the lease has ended, it may be another's by now.
                .filter(Attempts.eq(attempt))
                .exec(&*transaction)
                .await?;
        }
        transaction.commit_housekeeping().await
    }
}
