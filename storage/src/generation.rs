//! Whether something has changed since a node remembered it, for the price of one small row.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    engine,
    entity::generations,
    error::{Result, StorageError},
    store::Store,
};

/// Grows with every credential that is made or revoked.
const CREDENTIALS: &str = "credentials";
/// Grows with every change of the keys that sign tokens.
const SIGNING_KEYS: &str = "signing-keys";
/// The number of the last revocation.
const REVOCATIONS: &str = "revocations";
/// Grows with every change of the operator's CDNs, which are part of many owners' answers.
const CDNS: &str = "cdns";
/// Grows with every change of what an owner's clients are told, on SQLite alone.
const OWNERS: &str = "owners";
/// Grows with everything that the container gateway is fed.
const GATEWAY: &str = "gateway";
/// Grows where a user's tokens end before their time.
const GATEWAY_LOGINS: &str = "gateway-logins";

/// How often what nodes keep in memory has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Generations {
    /// Credentials.
    pub credentials: i64,
    /// Keys that sign tokens.
    pub signing_keys: i64,
    /// Revocations: the number of the last one.
    pub revocations: i64,
    /// What an owner's clients are told, on SQLite: PostgreSQL announces it.
    pub owners: i64,
    /// The operator's CDNs.
    pub cdns: i64,
    /// What the container gateway was fed.
    pub gateway: i64,
    /// Who may log in to it: tokens that had ended then are not to be believed.
    pub gateway_logins: i64,
}

impl Store {
    /// The same store over one connection of its own, for a task that must not wait behind requests.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] where the database does not answer.
    pub async fn on_its_own(&self) -> Result<Self> {
        let mut settings = self.settings.clone();
        settings.pool_size = 1;
        Ok(Self {
            database: engine::connect(&settings).await?,
            ..self.clone()
        })
    }

    /// How often what nodes keep in memory has changed, in one question.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn generations(&self) -> Result<Generations> {
        let rows = generations::Entity::find().all(&self.database).await?;
        Generations::of(rows.into_iter().map(|row| (row.name, row.value)))
    }
}

impl Generations {
    /// From all rows of the table; it has a handful.
    pub(crate) fn of(rows: impl Iterator<Item = (String, i64)>) -> Result<Self> {
        let rows: HashMap<String, i64> = rows.collect();
        let value = |name: &str| rows.get(name).copied().ok_or_else(|| missing(name));
        Ok(Self {
            credentials: value(CREDENTIALS)?,
            signing_keys: value(SIGNING_KEYS)?,
            revocations: value(REVOCATIONS)?,
            owners: value(OWNERS)?,
            cdns: value(CDNS)?,
            gateway: value(GATEWAY)?,
            gateway_logins: value(GATEWAY_LOGINS)?,
        })
    }
}

/// Tells every node that credentials have changed.
pub(crate) async fn credentials_changed(transaction: &DatabaseTransaction) -> Result<()> {
    changed(transaction, CREDENTIALS).await
}

/// Tells every node that keys that sign tokens have changed. Of two that change them at once, the second
/// waits here for the first.
pub(crate) async fn signing_keys_changed(transaction: &DatabaseTransaction) -> Result<()> {
    changed(transaction, SIGNING_KEYS).await
}

/// How often answers of owners have changed, on SQLite.
pub(crate) async fn owner_changes(transaction: &DatabaseTransaction) -> Result<i64> {
    value(transaction, OWNERS).await
}

/// Tells every node that the operator's CDNs have changed.
pub(crate) async fn cdns_changed(transaction: &DatabaseTransaction) -> Result<()> {
    changed(transaction, CDNS).await
}

/// Tells every node that the container gateway was fed, and answers how often it was. Of two feeds at once, the
/// second waits here.
pub(crate) async fn gateway_changed(transaction: &DatabaseTransaction) -> Result<i64> {
    changed(transaction, GATEWAY).await?;
    gateway(transaction).await
}

/// How often the container gateway was fed.
pub(crate) async fn gateway(transaction: &DatabaseTransaction) -> Result<i64> {
    value(transaction, GATEWAY).await
}

/// Tells every node that tokens of the container gateway have ended.
pub(crate) async fn gateway_logins_changed(transaction: &DatabaseTransaction) -> Result<()> {
    changed(transaction, GATEWAY_LOGINS).await
}

/// Takes the numbers of so many new revocations, and answers the first of them; every node is told. Whoever
/// revokes at the same time waits here until this transaction ends, so that no node sees a number before
/// those below it.
pub(crate) async fn take_revocation_numbers(
    transaction: &DatabaseTransaction,
    count: i64,
) -> Result<i64> {
    grow(transaction, REVOCATIONS, count).await?;
    let last = value(transaction, REVOCATIONS).await?;
    Ok(last - count + 1)
}

async fn value(transaction: &DatabaseTransaction, what: &str) -> Result<i64> {
    let row = generations::Entity::find_by_id(what)
        .one(transaction)
        .await?;
    Ok(row.ok_or_else(|| missing(what))?.value)
}

async fn changed(transaction: &DatabaseTransaction, what: &str) -> Result<()> {
    grow(transaction, what, 1).await
}

async fn grow(transaction: &DatabaseTransaction, what: &str, by: i64) -> Result<()> {
    let value = generations::Column::Value;
    generations::Entity::update_many()
        .col_expr(value, Expr::col(value).add(by))
        .filter(generations::Column::Name.eq(what))
        .exec(transaction)
        .await?;
    Ok(())
}

fn missing(name: &str) -> StorageError {
    StorageError::Corrupt {
        table: "generations",
        column: "name",
        row: name.to_owned(),
    }
}
