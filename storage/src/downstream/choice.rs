//! Which upstream entitlement answers for a downstream one: the active one that ends last.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, Select,
    sea_query::{ExprTrait, NullOrdering},
};
use time::{Duration, OffsetDateTime};

use crate::{
    entity::entitlements::{self, Column as C},
    error::Result,
};

/// The upstream entitlement that answers for a registered one: the one that was named, while there is one; else
/// the choice among those of its pool, or of its owner.
pub(crate) async fn upstream_of(
    connection: &impl ConnectionTrait,
    owner: i64,
    (pool, named): (Option<&str>, Option<&str>),
    now: OffsetDateTime,
) -> Result<Option<entitlements::Model>> {
    if let Some(named) = named {
        let named = entitlements::Entity::find_by_id(named)
            .filter(C::OwnerId.eq(owner))
            .one(connection)
            .await?;
        if named.is_some() {
            return Ok(named);
        }
    }
    choose(connection, owner, pool, now).await
}

/// Of an owner's upstream entitlements, or of those of one pool, the active one with a certificate that ends
/// last. Where none is active, the one that ends last.
pub(crate) async fn choose(
    connection: &impl ConnectionTrait,
    owner: i64,
    pool: Option<&str>,
    now: OffsetDateTime,
) -> Result<Option<entitlements::Model>> {
    let mut candidates = entitlements::Entity::find().filter(C::OwnerId.eq(owner));
    if let Some(pool) = pool {
        candidates = candidates.filter(C::PoolId.eq(pool));
    }
    // By whole seconds: SQLite compares times as texts, where a fraction sorts before none.
    let now = now - Duration::nanoseconds(now.nanosecond().into());
    let active = candidates
        .clone()
        .filter(C::Cert.is_not_null())
        .filter(C::StartsAt.is_null().or(C::StartsAt.lte(now)))
        .filter(C::EndsAt.is_null().or(C::EndsAt.gt(now)));
    if let Some(active) = ending_last(active).one(connection).await? {
        return Ok(Some(active));
    }
    Ok(ending_last(candidates).one(connection).await?)
}

/// In the order of the indexes `entitlements_by_end` and `entitlements_by_pool_and_end`.
fn ending_last(select: Select<entitlements::Entity>) -> Select<entitlements::Entity> {
    select
        .order_by_with_nulls(C::EndsAt, Order::Desc, NullOrdering::First)
        .order_by_asc(C::Id)
}
