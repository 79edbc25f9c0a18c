//! Which rows are read together. A row may have 16 MiB or a kilobyte, so sizes are asked for first, and
//! rows that fit a batch are read then: what bounds the memory of an export.

use std::collections::{BTreeSet, VecDeque};

use portolan_domain::ids::EntitlementId;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::Expr,
};

use crate::{
    entity::{entitlements, manifest_files},
    error::Result,
};

/// Sizes that are asked for at once.
const PAGE: u64 = 2000;
/// Rows in a batch, and bytes of them, at most; a larger row is a batch of its own.
const BATCH_ROWS: usize = 250;
const BATCH_BYTES: i64 = 2 << 20;

/// Keys of rows in their order, cut into batches.
#[derive(Default)]
pub(super) struct Batches {
    waiting: VecDeque<(String, i64)>,
    last: String,
}

impl Batches {
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The last key that was given out.
    pub fn last(&self) -> &str {
        &self.last
    }

    pub fn refill(&mut self, keys: Vec<(String, i64)>) {
        self.waiting.extend(keys);
    }

    /// The keys of the next batch; none where nothing waits.
    pub fn next(&mut self) -> Vec<String> {
        let (mut keys, mut bytes) = (Vec::new(), 0);
        while let Some((key, size)) = self.waiting.pop_front() {
            if !keys.is_empty() && (bytes + size > BATCH_BYTES || keys.len() == BATCH_ROWS) {
                self.waiting.push_front((key, size));
                break;
            }
            bytes += size;
            keys.push(key);
        }
        if let Some(last) = keys.last() {
            self.last.clone_from(last);
        }
        keys
    }
}

/// Certificate, key, and the pool with what was kept of it.
const ENTITLEMENT: &str = "CAST(COALESCE(LENGTH(cert), 0) + COALESCE(LENGTH(key_sealed), 0) + \
     COALESCE((SELECT LENGTH(details) FROM pools WHERE pools.owner_id = entitlements.owner_id \
               AND pools.id = entitlements.pool_id), 0) AS BIGINT)";

fn of_owner(owner: i64) -> Select<entitlements::Entity> {
    entitlements::Entity::find()
        .select_only()
        .column(entitlements::Column::Id)
        .filter(entitlements::Column::OwnerId.eq(owner))
        .order_by_asc(entitlements::Column::Id)
}

fn with_size(ids: Select<entitlements::Entity>) -> Select<entitlements::Entity> {
    ids.expr_as(Expr::cust(ENTITLEMENT), "size")
}

fn among(owner: i64, ids: &[&EntitlementId]) -> Select<entitlements::Entity> {
    let ids = ids.iter().map(|id| id.as_str());
    of_owner(owner).filter(entitlements::Column::Id.is_in(ids))
}

/// Those of these ids that the owner has.
pub(super) async fn existing(
    connection: &impl ConnectionTrait,
    owner: i64,
    ids: &[&EntitlementId],
) -> Result<BTreeSet<String>> {
    let found: Vec<String> = among(owner, ids).into_tuple().all(connection).await?;
    Ok(found.into_iter().collect())
}

/// The owner's entitlements with these ids.
pub(super) async fn of_entitlements(
    connection: &impl ConnectionTrait,
    owner: i64,
    ids: &[&EntitlementId],
) -> Result<Vec<(String, i64)>> {
    let sizes = with_size(among(owner, ids)).into_tuple();
    let mut found: Vec<(String, i64)> = sizes.all(connection).await?;
    // In the order in which the next ids are chosen, whatever the database's collation is.
    found.sort_unstable();
    Ok(found)
}

/// The owner's entitlements behind this id.
pub(super) async fn entitlements(
    connection: &impl ConnectionTrait,
    owner: i64,
    after: &str,
) -> Result<Vec<(String, i64)>> {
    let behind = of_owner(owner).filter(entitlements::Column::Id.gt(after));
    let page = with_size(behind).limit(PAGE).into_tuple();
    Ok(page.all(connection).await?)
}

/// The owner's kept files behind this path.
pub(super) async fn files(
    connection: &impl ConnectionTrait,
    owner: i64,
    after: &str,
) -> Result<Vec<(String, i64)>> {
    let size = Expr::cust("CAST(LENGTH(content) AS BIGINT)");
    let page = manifest_files::Entity::find()
        .select_only()
        .column(manifest_files::Column::Path)
        .expr_as(size, "size")
        .filter(manifest_files::Column::OwnerId.eq(owner))
        .filter(manifest_files::Column::Path.gt(after))
        .order_by_asc(manifest_files::Column::Path)
        .limit(PAGE)
        .into_tuple();
    Ok(page.all(connection).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_bounded_in_rows_and_in_bytes() {
        let mut batches = Batches::default();
        let key = |n: usize| format!("{n:04}");
        batches.refill((0..300).map(|n| (key(n), 1)).collect());
        batches.refill(vec![(key(300), 16 << 20), (key(301), 1), (key(302), 1)]);
        let sizes: Vec<usize> = std::iter::repeat_with(|| batches.next().len())
            .take(5)
            .collect();
        assert_eq!(sizes, [250, 50, 1, 2, 0]);
        assert_eq!(batches.last(), "0302");
    }
}
