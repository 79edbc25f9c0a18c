//! The store itself: a connection pool and the master key.

use std::sync::{Arc, OnceLock};

use portolan_domain::ids::OwnerKey;
use portolan_migrations::{Migrator, MigratorTrait};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter,
};
use tokio::sync::Semaphore;

use crate::{
    cdn_info::KnownOwners,
    changes::Changes,
    database::Database,
    engine::{self, DatabaseSettings, Engine},
    entity::owners,
    error::{Result, StorageError},
    master_key::MasterKey,
    outbox::OutboxEvents,
    replica::Replica,
    seal::SealingKey,
    write::begin_write,
};

/// What Portolan remembers.
#[derive(Clone)]
pub struct Store {
    pub(crate) database: Database,
    pub(crate) replica: Option<Replica>,
    pub(crate) settings: DatabaseSettings,
    pub(crate) master: MasterKey,
    /// What this node's chain in the audit log is called.
    pub(crate) node: Arc<str>,
    /// The turn of SQLite's one writer in this process.
    pub(crate) writer: Arc<Semaphore>,
    /// Opened once; see [`crate::instance`].
    pub(crate) instance: Arc<OnceLock<SealingKey>>,
    /// What a webhook is told.
    pub(crate) outbox: OutboxEvents,
    /// What this process knows of changes.
    pub(crate) changes: Changes,
    /// What answers of an owner have in common.
    pub(crate) known: KnownOwners,
}

/// Connections of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// All of them.
    pub open: u32,
    /// Those that wait for a question.
    pub idle: u32,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Whether there is more behind it.
    pub more: bool,
}

impl<T> Page<T> {
    /// Cuts the one item too many that was asked for to see whether there is more.
    pub(crate) fn of(mut items: Vec<T>, limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        Self { items, more }
    }
}

/// What the advisory lock of migrations is called; any constant that nobody else uses.
const MIGRATION_LOCK: i64 = 0x706f_7274_6f6c_616e;

impl Store {
    /// Connects. Nothing is created: call [`Store::migrate`] next.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] where the database does not answer.
    pub async fn connect(settings: &DatabaseSettings, master: MasterKey) -> Result<Self> {
        let database = engine::connect(settings).await?;
        Ok(Self {
            database,
            replica: Replica::open(settings).await?,
            settings: settings.clone(),
            master,
            node: Arc::from("portolan"),
            writer: Arc::new(Semaphore::new(1)),
            instance: Arc::default(),
            outbox: OutboxEvents::default(),
            changes: Changes::default(),
            known: KnownOwners::default(),
        })
    }

    /// Names this node in the audit log: 1 to 64 characters.
    #[must_use]
    pub fn as_node(mut self, name: &str) -> Self {
        self.node = name.chars().take(64).collect::<String>().into();
        self
    }

    /// Brings the schema up to this version, one node at a time, and proves the master key.
    ///
    /// # Errors
    /// [`StorageError::MasterKey`] where the database was sealed with another key;
    /// [`StorageError::Database`] where the schema is of a newer version.
    pub async fn migrate(&self) -> Result<()> {
        match &self.settings.direct_url {
            None => migrate_schema(&self.database).await?,
            Some(direct) => {
                let direct = DatabaseSettings::of_url(direct, 1);
                let database = engine::connect(&direct).await?;
                migrate_schema(&database).await?;
                database.close().await?;
            }
        }
        let transaction = self.write().await?;
        // Two nodes that start at once would both find no proof and both insert one.
        lock_migrations(&transaction).await?;
        self.prove_master_key(&transaction).await?;
        self.make_instance_key(&transaction).await?;
        transaction.commit_housekeeping().await
    }

    /// What this process knows of changes, for those who remember answers.
    #[must_use]
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// The connections of the pool at the moment.
    #[must_use]
    pub fn connections(&self) -> Connections {
        self.database.connections()
    }

    /// Which engine this is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        Engine::of(self.database.get_database_backend())
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] where there is none.
    pub async fn ping(&self) -> Result<()> {
        self.database
            .execute_unprepared("SELECT 1")
            .await
            .map_err(StorageError::Unavailable)?;
        Ok(())
    }

    /// Closes the pool; what runs ends first.
    ///
    /// # Errors
    /// [`StorageError::Database`].
    pub async fn close(self) -> Result<()> {
        Ok(self.database.close().await?)
    }

    /// The owner's row.
    pub(crate) async fn owner_row(
        &self,
        connection: &impl ConnectionTrait,
        key: &OwnerKey,
    ) -> Result<owners::Model> {
        owners::Entity::find()
            .filter(owners::Column::Key.eq(key.as_str()))
            .one(connection)
            .await?
            .ok_or_else(|| owner_not_found(key))
    }
}

/// The key of an owner's row.
pub(crate) async fn owner_key(
    connection: &impl ConnectionTrait,
    owner: i64,
) -> Result<Option<OwnerKey>> {
    let row = owners::Entity::find_by_id(owner).one(connection).await?;
    Ok(row.and_then(|row| row.key.parse().ok()))
}

/// Brings the schema up to this version, under a lock: one node migrates while others wait.
pub(crate) async fn migrate_schema(database: &Database) -> Result<()> {
    let transaction = begin_write(database).await?;
    lock_migrations(&transaction).await?;
    Migrator::up(&transaction, None).await?;
    Ok(transaction.commit().await?)
}

/// Held until the transaction ends. SQLite has one writer anyway.
pub(crate) async fn lock_migrations(transaction: &DatabaseTransaction) -> Result<()> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        let lock = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
        transaction.execute_unprepared(&lock).await?;
    }
    Ok(())
}

pub(crate) fn owner_not_found(key: &OwnerKey) -> StorageError {
    StorageError::NotFound {
        what: "owner",
        name: key.to_string(),
    }
}
