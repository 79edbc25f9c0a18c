//! What a node reads into its memory.

use portolan_domain::token::Revocation;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::revocation;
use crate::{
    entity::revocations,
    error::Result,
    store::{Page, Store},
};

/// Revocations in the order of their numbers.
#[derive(Debug, Clone)]
pub struct RevocationPage {
    /// The revocations.
    pub items: Vec<Revocation>,
    /// The number of the last one.
    pub last: i64,
    /// Whether there is more behind it.
    pub more: bool,
}

impl Store {
    /// What was revoked behind this number, at most `limit` of it.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn revocations_after(&self, number: i64, limit: u64) -> Result<RevocationPage> {
        let rows = revocations::Entity::find()
            .filter(revocations::Column::Number.gt(number))
            .order_by_asc(revocations::Column::Number)
            .limit(limit + 1)
            .all(&self.database)
            .await?;
        let page = Page::of(rows, limit);
        let last = page.items.last().map_or(number, |row| row.number);
        let items: Result<Vec<_>> = page.items.iter().map(revocation).collect();
        Ok(RevocationPage {
            items: items?,
            last,
            more: page.more,
        })
    }
}
