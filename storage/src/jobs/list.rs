//! Looking at jobs, and forgetting old ones.

use portolan_domain::ids::OwnerKey;
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::ExprTrait,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::job::{Job, OPEN};
use crate::{
    entity::jobs,
    error::Result,
    store::{Page, Store},
};

impl Store {
    /// A job; nothing where it is unknown or forgotten.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn job(&self, id: Uuid) -> Result<Option<Job>> {
        match jobs::Entity::find_by_id(id).one(&self.database).await? {
            Some(row) => self.job_of(row).await,
            None => Ok(None),
        }
    }

    /// Jobs, newest first, those behind `after`: all of them, or an owner's.
    ///
    /// # Errors
    /// [`crate::StorageError::NotFound`] for an unknown owner.
    pub async fn jobs(
        &self,
        owner: Option<&OwnerKey>,
        after: Option<Uuid>,
        limit: u64,
    ) -> Result<Page<Job>> {
        let mut query = jobs::Entity::find().order_by_desc(jobs::Column::Id);
        if let Some(owner) = owner {
            let owner = self.owner_row(&self.database, owner).await?;
            query = query.filter(jobs::Column::OwnerId.eq(owner.id));
        }
        if let Some(after) = after {
            query = query.filter(jobs::Column::Id.lt(after));
        }
        let rows = query.limit(limit + 1).all(&self.database).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.extend(self.job_of(row).await?);
        }
        Ok(Page::of(found, limit))
    }

    /// Forgets the jobs that ended before an instant.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn forget_jobs(&self, before: OffsetDateTime) -> Result<u64> {
        let old = jobs::Column::State
            .is_not_in(OPEN)
            .and(jobs::Column::EndedAt.lt(before));
        let any = jobs::Entity::find().filter(old.clone()).one(&self.database);
        // Nobody takes SQLite's write lock to do nothing.
        if any.await?.is_none() {
            return Ok(0);
        }
        let transaction = self.write().await?;
        let gone = jobs::Entity::delete_many()
            .filter(old)
            .exec(&*transaction)
            .await?;
        transaction.commit_housekeeping().await?;
        Ok(gone.rows_affected)
    }
}
