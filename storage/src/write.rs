//! Transactions that write. Each ends with a row in the audit log: there is no other way to commit a
//! change, but for the housekeeping that nobody asked for.

use std::{
    ops::Deref,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use portolan_domain::ids::OwnerKey;
use sea_orm::{
    AccessMode, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IsolationLevel,
    QueryFilter, SqliteTransactionMode, TransactionOptions,
    sea_query::{Expr, ExprTrait},
};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    audit::{self, Event},
    database::Database,
    engine::Engine,
    entity::owners,
    error::{Result, StorageError},
    generation::{cdns_changed, owner_changes},
    outbox,
    store::Store,
};

/// How long a writer waits for the one before it: an import holds SQLite for seconds.
const TURN: Duration = Duration::from_mins(1);

/// A transaction that writes. Dropped, it is rolled back.
pub(crate) struct WriteTransaction {
    inner: DatabaseTransaction,
    store: Store,
    told: Mutex<Told>,
    /// SQLite has one writer. Who waits for it here holds no connection that a reader could have.
    _turn: Option<OwnedSemaphorePermit>,
}

/// Whose answers the transaction changes, for this process's memory.
#[derive(Default)]
struct Told {
    owners: Vec<OwnerKey>,
    everyone: bool,
    /// What SQLite counts these changes as.
    numbers: Vec<i64>,
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
            inner: self.begin_again().await?,
            store: self.clone(),
            told: Mutex::default(),
            _turn: turn,
        })
    }
}

impl Store {
    /// Begins on a connection that lives: after an outage those in the pool are dead, and each is found out by
    /// whoever takes it. Nothing has been done by then that could be done twice.
    async fn begin_again(&self) -> Result<DatabaseTransaction> {
        for _ in 0..self.settings.pool_size {
            match begin_write(&self.database).await {
                Err(error) if error.is_dead_connection() => {}
                begun => return begun,
            }
        }
        begin_write(&self.database).await
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
        let told = self.told.into_inner().unwrap_or_default();
        let committed = self.inner.commit().await.map_err(StorageError::of_commit);
        // Before anybody hears of it, and while SQLite's next writer still waits.
        told.publish(&self.store, committed.is_ok());
        committed
    }

    /// What an owner's clients are told has changed: every node hears of it once this is committed.
    pub async fn owner_changed(&self, id: i64, owner: &OwnerKey) -> Result<()> {
        let generation = owners::Column::Generation;
        owners::Entity::update_many()
            .col_expr(generation, Expr::col(generation).add(1))
            .filter(owners::Column::Id.eq(id))
            .exec(&self.inner)
            .await?;
        self.owner_is_told(owner).await
    }

    /// The owner was deleted, likewise.
    pub async fn owner_deleted(&self, owner: &OwnerKey) -> Result<()> {
        self.owner_is_told(owner).await
    }

    /// The operator's CDNs have changed, and with them what any owner's clients are told.
    pub async fn cdns_changed(&self) -> Result<()> {
        cdns_changed(&self.inner).await?;
        self.told().everyone = true;
        Ok(())
    }

    /// A trigger has announced the change to other processes; this one must know its own.
    async fn owner_is_told(&self, owner: &OwnerKey) -> Result<()> {
        let number = match self.store.engine() {
            Engine::Postgres => None,
            Engine::Sqlite => Some(owner_changes(&self.inner).await?),
        };
        let mut told = self.told();
        told.owners.push(owner.clone());
        told.numbers.extend(number);
        Ok(())
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
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

impl Told {
    fn publish(self, store: &Store, committed: bool) {
        if self.owners.is_empty() && !self.everyone {
            return;
        }
        if self.everyone {
            store.changes.all_changed();
        }
        // A commit whose end is not known may yet come to be: then the feed tells it.
        for owner in &self.owners {
            store.changes.owner_changed(owner);
        }
        for number in self.numbers.into_iter().filter(|_| committed) {
            store.changes.made(number);
        }
    }
}

impl Deref for WriteTransaction {
    type Target = DatabaseTransaction;
    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

pub(crate) async fn begin_write(database: &Database) -> Result<DatabaseTransaction> {
    let postgres = Engine::of(database.get_database_backend()) == Engine::Postgres;
    let options = TransactionOptions {
        isolation_level: postgres.then_some(IsolationLevel::ReadCommitted),
        access_mode: postgres.then_some(AccessMode::ReadWrite),
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
    };
    Ok(database.begin_with_options(options).await?)
}
