//! A pool of connections to one database, straight or through a pooler that hands out connections by transaction
//! (`PgBouncer`, `pool_mode = transaction`).
//!
//! The driver sends a statement in two steps and gives statements names of its own, counted for each of its
//! connections. Behind such a pooler the second step may reach another server than the first, and a name may be
//! another client's there. So each question there has a transaction around it, which stays with one server, and a
//! transaction begins by forgetting the names that others have left.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, Statement, TransactionOptions, TransactionTrait,
    entity::prelude::async_trait::async_trait,
};

use crate::store::Connections;

/// The pool; cheap to clone.
#[derive(Clone)]
pub(crate) struct Database {
    connection: DatabaseConnection,
    by_transaction: bool,
}

impl Database {
    /// Over these connections; `by_transaction`: where a pooler may change the server after each transaction.
    pub fn new(connection: DatabaseConnection, by_transaction: bool) -> Self {
        Self {
            connection,
            by_transaction,
        }
    }

    /// Begins a transaction, on one server to its end.
    pub async fn begin_with_options(
        &self,
        options: TransactionOptions,
    ) -> Result<DatabaseTransaction, DbErr> {
        if !self.by_transaction {
            return self.connection.begin_with_options(options).await;
        }
        let transaction = self.connection.begin().await?;
        transaction.execute_unprepared(&opening(options)).await?;
        Ok(transaction)
    }

    /// Likewise, as the engine does it of itself.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        self.begin_with_options(TransactionOptions::default()).await
    }

    /// How many connections there are.
    pub fn connections(&self) -> Connections {
        let (open, idle) = if self.get_database_backend() == DbBackend::Postgres {
            let pool = self.connection.get_postgres_connection_pool();
            (pool.size(), pool.num_idle())
        } else {
            let pool = self.connection.get_sqlite_connection_pool();
            (pool.size(), pool.num_idle())
        };
        Connections {
            open,
            idle: u32::try_from(idle).unwrap_or(open),
        }
    }

    /// Closes them; what runs ends first.
    pub async fn close(self) -> Result<(), DbErr> {
        self.connection.close().await
    }
}

/// What a transaction behind a pooler begins with, sent at once and without a name.
fn opening(options: TransactionOptions) -> String {
    let isolation = options
        .isolation_level
        .map(|level| format!(" ISOLATION LEVEL {level}"));
    let access = options.access_mode.map(|mode| format!(" {mode}"));
    let modes: String = isolation.into_iter().chain(access).collect();
    if modes.is_empty() {
        return "DEALLOCATE ALL".to_owned();
    }
    format!("SET TRANSACTION{modes}; DEALLOCATE ALL")
}

#[async_trait]
impl ConnectionTrait for Database {
    fn get_database_backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        if !self.by_transaction {
            return self.connection.execute_raw(statement).await;
        }
        let transaction = self.begin().await?;
        let done = transaction.execute_raw(statement).await?;
        transaction.commit().await?;
        Ok(done)
    }

    /// One step, and no name: any server will do.
    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.connection.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        if !self.by_transaction {
            return self.connection.query_one_raw(statement).await;
        }
        let transaction = self.begin().await?;
        let row = transaction.query_one_raw(statement).await?;
        transaction.commit().await?;
        Ok(row)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        if !self.by_transaction {
            return self.connection.query_all_raw(statement).await;
        }
        let transaction = self.begin().await?;
        let rows = transaction.query_all_raw(statement).await?;
        transaction.commit().await?;
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{AccessMode, IsolationLevel, TransactionOptions};

    use super::opening;

    #[test]
    fn a_transaction_behind_a_pooler_begins_with_no_names() {
        assert_eq!(opening(TransactionOptions::default()), "DEALLOCATE ALL");
        let options = TransactionOptions {
            isolation_level: Some(IsolationLevel::RepeatableRead),
            access_mode: Some(AccessMode::ReadOnly),
            sqlite_transaction_mode: None,
        };
        let wanted = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; DEALLOCATE ALL";
        assert_eq!(opening(options), wanted);
    }
}
