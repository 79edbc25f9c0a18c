//! All that the gateway was fed, as it was at one moment: a node keeps it in memory and takes another where the
//! generation has grown.

use std::collections::HashMap;

use portolan_domain::gateway::NumberSet;
use sea_orm::{
    AccessMode, ColumnTrait, EntityTrait, IsolationLevel, QueryFilter, QueryOrder,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::{
    engine::Engine,
    entity::{gateway_hosts, gateway_repositories, gateway_users},
    error::{Result, StorageError},
    generation,
    store::Store,
};

/// A repository that is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayRepository {
    /// Its number, by which holders have it.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Whether pulling it needs a token.
    pub auth_required: bool,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GatewaySnapshot {
    /// How often it had changed.
    pub generation: i64,
    /// The repositories that are listed, by name.
    pub repositories: Vec<GatewayRepository>,
    /// Users' repositories, whether listed or not.
    pub users: HashMap<String, NumberSet>,
    /// Hosts' repositories, likewise.
    pub hosts: HashMap<String, NumberSet>,
}

impl Store {
    /// Reads all that the gateway was fed, as it is at one moment.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn gateway_snapshot(&self) -> Result<GatewaySnapshot> {
        let postgres = self.engine() == Engine::Postgres;
        let options = TransactionOptions {
            isolation_level: postgres.then_some(IsolationLevel::RepeatableRead),
            access_mode: postgres.then_some(AccessMode::ReadOnly),
            sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
        };
        let reading = self.database.begin_with_options(options).await?;
        let generation = generation::gateway(&reading).await?;
        let repositories = gateway_repositories::Entity::find()
            .filter(gateway_repositories::Column::Listed.eq(true))
            .order_by_asc(gateway_repositories::Column::Name)
            .all(&reading)
            .await?;
        let users = gateway_users::Entity::find().all(&reading).await?;
        let hosts = gateway_hosts::Entity::find().all(&reading).await?;
        reading.rollback().await?;
        let mut repositories: Vec<_> = repositories
            .into_iter()
            .map(listed)
            .collect::<Result<_>>()?;
        // The engines sort texts each in its own way.
        repositories.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let users = users.into_iter().map(|row| (row.name, row.repositories));
        let hosts = hosts.into_iter().map(|row| (row.uuid, row.repositories));
        Ok(GatewaySnapshot {
            generation,
            repositories,
            users: users
                .map(|row| held("gateway_users", row))
                .collect::<Result<_>>()?,
            hosts: hosts
                .map(|row| held("gateway_hosts", row))
                .collect::<Result<_>>()?,
        })
    }
}

fn listed(row: gateway_repositories::Model) -> Result<GatewayRepository> {
    let number = u32::try_from(row.number);
    Ok(GatewayRepository {
        number: number.map_err(|_| corrupt("gateway_repositories", "number", &row.name))?,
        name: row.name,
        auth_required: row.auth_required,
    })
}

fn held(table: &'static str, (name, bytes): (String, Vec<u8>)) -> Result<(String, NumberSet)> {
    let set = NumberSet::from_bytes(&bytes);
    let set = set.ok_or_else(|| corrupt(table, "repositories", &name))?;
    Ok((name, set))
}

fn corrupt(table: &'static str, column: &'static str, row: &str) -> StorageError {
    StorageError::Corrupt {
        table,
        column,
        row: row.to_owned(),
    }
}
