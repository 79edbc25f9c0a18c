//! What feeds have changed since a node read it last, all of it as it is at one moment.

use portolan_domain::gateway::{ChangedHolder, ChangedRepository, Changes, NumberSet};
use sea_orm::{
    AccessMode, ColumnTrait, EntityTrait, IsolationLevel, QueryFilter, SqliteTransactionMode,
    TransactionOptions,
};

use super::{HolderKind, corrupt, holders::pause};
use crate::{
    engine::Engine,
    entity::{gateway_holders, gateway_repositories},
    error::Result,
    generation,
    store::Store,
};

impl Store {
    /// What was changed after this generation; all of it after one below 0.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn gateway_changes(&self, after: i64) -> Result<Changes> {
        let postgres = self.engine() == Engine::Postgres;
        let options = TransactionOptions {
            isolation_level: postgres.then_some(IsolationLevel::RepeatableRead),
            access_mode: postgres.then_some(AccessMode::ReadOnly),
            sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
        };
        let reading = self.database.begin_with_options(options).await?;
        let mut changes = Changes {
            generation: generation::gateway(&reading).await?,
            ..Changes::default()
        };
        let repositories = gateway_repositories::Entity::find()
            .filter(gateway_repositories::Column::Generation.gt(after))
            .all(&reading)
            .await?;
        let holders = gateway_holders::Entity::find()
            .filter(gateway_holders::Column::Generation.gt(after))
            .all(&reading)
            .await?;
        reading.rollback().await?;
        let repositories = repositories.into_iter().map(repository);
        changes.repositories = repositories.collect::<Result<_>>()?;
        for (count, row) in holders.into_iter().enumerate() {
            pause(count).await;
            let (kind, holder) = holder(row)?;
            match kind {
                HolderKind::User => changes.users.push(holder),
                HolderKind::Host => changes.hosts.push(holder),
            }
        }
        Ok(changes)
    }
}

fn repository(row: gateway_repositories::Model) -> Result<ChangedRepository> {
    let number = u32::try_from(row.number);
    Ok(ChangedRepository {
        number: number.map_err(|_| corrupt("gateway_repositories", "number", &row.name))?,
        name: row.name,
        listed: row.listed,
        auth_required: row.auth_required,
    })
}

fn holder(row: gateway_holders::Model) -> Result<(HolderKind, ChangedHolder)> {
    let corrupt = |column| corrupt("gateway_holders", column, &row.name);
    let kind = HolderKind::from_name(&row.kind).ok_or_else(|| corrupt("kind"))?;
    let set = row.repositories.as_deref().map(|bytes| {
        let set = NumberSet::from_bytes(bytes);
        set.ok_or_else(|| corrupt("repositories"))
    });
    let set = set.transpose()?;
    Ok((kind, (row.name, set)))
}
