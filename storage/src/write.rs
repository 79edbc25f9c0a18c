//! Transactions that write. Each ends with a row in the audit log: there is no other way to commit a
//! change, but for the housekeeping that nobody asked for.

use std::{ops::Deref, time::Duration};

use sea_orm::{
    AccessMode, DatabaseConnection, DatabaseTransaction, IsolationLevel, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    audit::{self, Event},
    engine::Engine,
    error::{Result, StorageError},
    outbox,
    store::Store,
};

/// How long a writer waits for the one before it: an import holds SQLite for seconds.
const TURN: Duration = Duration::from_mins(1);

/// A transaction that writes. Dropped, it is rolled back.
pub(crate) struct WriteTransaction {
    inner: DatabaseTransaction,
    store: Store,
    /// SQLite has one writer. Who waits for it here holds no connection that a reader could have.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Store {
    /// Opens a transaction that writes. SQLite takes its write lock now, not at the first write,
    /// where it could fail because another writer came between.
    pub(crate) async fn write(&self) -> Result<WriteTransaction> {
        let turn = match self.engine() {
            Engine::Postgres => None,
            Engine::Sqlite => {
                let turn = tokio::time::timeout(TURN, self.writer.clone().acquire_owned()).await;
                let turn = turn.ok().and_then(std::result::Result::ok);
                Some(turn.ok_or_else(StorageError::timed_out)?)
            }
        };
        Ok(WriteTransaction {
            inner: begin_write(&self.database).await?,
            store: self.clone(),
            _turn: turn,
        })
    }
}

impl WriteTransaction {
    /// Commits what was done, together with its row in the audit log.
    pub async fn commit(self, event: Event) -> Result<()> {
        self.commit_all(vec![event]).await
    }

    /// Commits what was done, together with its rows in the audit log, and with what the webhook is to
    /// be told of it.
    pub async fn commit_all(self, mut events: Vec<Event>) -> Result<()> {
        outbox::append(&self.inner, self.store.outbox, &mut events).await?;
        let key = self.store.instance_key(&self.inner).await?;
        audit::append(&self.inner, &self.store.node, &key, events).await?;
        self.inner.commit().await.map_err(StorageError::of_commit)
    }

    /// Commits what nobody asked for: the schema, expired rows, when a key was last used.
    pub async fn commit_housekeeping(self) -> Result<()> {
        self.inner.commit().await.map_err(StorageError::of_commit)
    }

    /// Undoes it all.
    pub async fn rollback(self) -> Result<()> {
        Ok(self.inner.rollback().await?)
    }
}

impl Deref for WriteTransaction {
    type Target = DatabaseTransaction;
    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

pub(crate) async fn begin_write(database: &DatabaseConnection) -> Result<DatabaseTransaction> {
    let postgres = Engine::of(database.get_database_backend()) == Engine::Postgres;
    let options = TransactionOptions {
        isolation_level: postgres.then_some(IsolationLevel::ReadCommitted),
        access_mode: postgres.then_some(AccessMode::ReadWrite),
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
    };
    Ok(database.begin_with_options(options).await?)
}
