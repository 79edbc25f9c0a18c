//! Brings an owner's pools to what the manifest says.

use std::collections::HashMap;

use portolan_domain::manifest::{Entitlement, Pool};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Select, sea_query::OnConflict,
};

use super::{changes::Plan, reconcile::SWEEP, rows::pool_row, seen::Seen};
use crate::{
    downstream::remove_of_pools,
    entity::pools::{ActiveModel, Column, Entity, Model},
    error::Result,
};

pub(super) struct PoolReconciler {
    owner: i64,
    before: u64,
    kept: u64,
    seen: Seen,
}

impl PoolReconciler {
    pub async fn new(connection: &impl ConnectionTrait, owner: i64) -> Result<Self> {
        Ok(Self {
            owner,
            before: of_owner(owner).count(connection).await?,
            kept: 0,
            seen: Seen::default(),
        })
    }

    /// Writes the pools of a batch that are new or changed; of several forms of one pool in one
    /// manifest the first counts.
    pub async fn add(
        &mut self,
        connection: &impl ConnectionTrait,
        batch: &[Entitlement],
        plan: &mut Plan,
    ) -> Result<()> {
        let pools = batch.iter().map(|entitlement| &entitlement.pool);
        let wanted: Vec<&Pool> = pools
            .filter(|pool| self.seen.insert(pool.id.as_str()))
            .collect();
        let stored = self.stored(connection, &wanted).await?;
        self.kept += stored.len() as u64;
        let rows = wanted.into_iter().map(|pool| pool_row(self.owner, pool));
        let changed = rows.filter(|row| stored.get(&row.id) != Some(row));
        let changed: Vec<ActiveModel> = changed
            .inspect(|row| plan.pool(stored.get(&row.id), row))
            .map(|row| row.into_active_model().reset_all())
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let replace = OnConflict::columns([Column::OwnerId, Column::Id])
            .update_columns([
                Column::ProductId,
                Column::ProductName,
                Column::ContractNumber,
                Column::AccountNumber,
                Column::OrderNumber,
                Column::Quantity,
                Column::StartsAt,
                Column::EndsAt,
                Column::Details,
            ])
            .to_owned();
        Entity::insert_many(changed)
            .on_conflict(replace)
            .exec_without_returning(connection)
            .await?;
        Ok(())
    }

    async fn stored(
        &self,
        connection: &impl ConnectionTrait,
        pools: &[&Pool],
    ) -> Result<HashMap<String, Model>> {
        if self.before == 0 || pools.is_empty() {
            return Ok(HashMap::new());
        }
        let ids = pools.iter().map(|pool| pool.id.as_str());
        let rows = of_owner(self.owner)
            .filter(Column::Id.is_in(ids))
            .all(connection)
            .await?;
        Ok(rows.into_iter().map(|row| (row.id.clone(), row)).collect())
    }

    /// Removes the pools that the manifest did not name with their downstream entitlements, and tells
    /// how many of those there were.
    pub async fn remove_gone(
        &self,
        connection: &impl ConnectionTrait,
        plan: &mut Plan,
    ) -> Result<u64> {
        let mut downstream = 0;
        if self.before == self.kept {
            return Ok(downstream);
        }
        let mut last = String::new();
        loop {
            let ids: Vec<String> = of_owner(self.owner)
                .select_only()
                .column(Column::Id)
                .filter(Column::Id.gt(last))
                .order_by_asc(Column::Id)
                .limit(SWEEP)
                .into_tuple()
                .all(connection)
                .await?;
            let Some(end) = ids.last().cloned() else {
                return Ok(downstream);
            };
            last = end;
            let gone = self.seen.missing(ids);
            downstream += remove_of_pools(connection, self.owner, &gone).await?;
            Box::pin(plan.removed_pools(connection, self.owner, &gone)).await?;
            Entity::delete_many()
                .filter(Column::OwnerId.eq(self.owner))
                .filter(Column::Id.is_in(gone))
                .exec(connection)
                .await?;
        }
    }
}

fn of_owner(owner: i64) -> Select<Entity> {
    Entity::find().filter(Column::OwnerId.eq(owner))
}
