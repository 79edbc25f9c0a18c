//! Whether something has changed since a node remembered it, for the price of one small row.

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
/// Grows with every change of the operator's CDNs, which are part of many owners' answers.
const CDNS: &str = "cdns";

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

    /// How often credentials have changed.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn credentials_generation(&self) -> Result<i64> {
        let row = generations::Entity::find_by_id(CREDENTIALS)
            .one(&self.database)
            .await?;
        row.map(|row| row.value)
            .ok_or_else(|| StorageError::Corrupt {
                table: "generations",
                column: "name",
                row: CREDENTIALS.to_owned(),
            })
    }
}

/// Tells every node that credentials have changed.
pub(crate) async fn credentials_changed(transaction: &DatabaseTransaction) -> Result<()> {
    changed(transaction, CREDENTIALS).await
}

/// Tells every node that the operator's CDNs have changed.
pub(crate) async fn cdns_changed(transaction: &DatabaseTransaction) -> Result<()> {
    changed(transaction, CDNS).await
}

async fn changed(transaction: &DatabaseTransaction, what: &str) -> Result<()> {
    let value = generations::Column::Value;
    generations::Entity::update_many()
        .col_expr(value, Expr::col(value).add(1))
        .filter(generations::Column::Name.eq(what))
        .exec(transaction)
        .await?;
    Ok(())
}
