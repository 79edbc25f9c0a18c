//! What an import does to downstream entitlements: they follow what they were registered for, and go
//! with their pool.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Statement,
};

use super::DOWNSTREAM;
use crate::{
    entity::{downstream_entitlements, entitlement_ids},
    error::Result,
};

/// Removes the downstream entitlements of these pools of an owner, and tells how many there were.
pub(crate) async fn remove_of_pools(
    connection: &impl ConnectionTrait,
    owner: i64,
    pools: &[String],
) -> Result<u64> {
    if pools.is_empty() {
        return Ok(0);
    }
    let of_pools = downstream_entitlements::Entity::find()
        .select_only()
        .column(downstream_entitlements::Column::Id)
        .filter(downstream_entitlements::Column::OwnerId.eq(owner))
        .filter(downstream_entitlements::Column::PoolId.is_in(pools))
        .into_query();
    // Their rows go with their ids.
    let removed = entitlement_ids::Entity::delete_many()
        .filter(entitlement_ids::Column::OwnerId.eq(owner))
        .filter(entitlement_ids::Column::Kind.eq(DOWNSTREAM))
        .filter(entitlement_ids::Column::Id.in_subquery(of_pools))
        .exec(connection)
        .await?;
    Ok(removed.rows_affected)
}

/// Where an upstream entitlement that was named has moved to another pool, that pool is theirs.
pub(crate) async fn follow_moved(connection: &impl ConnectionTrait, owner: i64) -> Result<()> {
    let sql = "UPDATE downstream_entitlements SET pool_id = e.pool_id FROM entitlements AS e \
               WHERE downstream_entitlements.owner_id = $1 AND e.owner_id = $1 \
               AND e.id = downstream_entitlements.upstream_id \
               AND e.pool_id <> downstream_entitlements.pool_id";
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, [owner.into()]);
    connection.execute_raw(statement).await?;
    Ok(())
}
