//! The store itself: a connection pool and the master key.

use portolan_domain::ids::OwnerKey;
use portolan_migrations::{Migrator, MigratorTrait};
use sea_orm::{
    AccessMode, ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend,
    EntityTrait, IsolationLevel, QueryFilter, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};

use crate::{
    engine::{self, DatabaseSettings, Engine},
    entity::{instance_secrets, owners},
    error::{Result, StorageError},
    master_key::MasterKey,
    seal::{Place, SealingKey},
};

/// What Portolan remembers.
#[derive(Clone)]
pub struct Store {
    pub(crate) database: DatabaseConnection,
    master: MasterKey,
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
/// The instance secret that proves the master key right.
const MASTER_KEY_PROOF: &str = "master-key-proof";

impl Store {
    /// Connects. Nothing is created: call [`Store::migrate`] next.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] where the database does not answer.
    pub async fn connect(settings: &DatabaseSettings, master: MasterKey) -> Result<Self> {
        let database = engine::connect(settings).await?;
        Ok(Self { database, master })
    }

    /// Brings the schema up to this version, one node at a time, and proves the master key.
    ///
    /// # Errors
    /// [`StorageError::MasterKey`] where the database was sealed with another key;
    /// [`StorageError::Database`] where the schema is of a newer version.
    pub async fn migrate(&self) -> Result<()> {
        migrate_schema(&self.database).await?;
        let transaction = self.write().await?;
        // Two nodes that start at once would both find no proof and both insert one.
        lock_migrations(&transaction).await?;
        self.prove_master_key(&transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn prove_master_key(&self, transaction: &DatabaseTransaction) -> Result<()> {
        let place = Place {
            table: "instance_secrets",
            owner: 0,
            row: MASTER_KEY_PROOF,
        };
        let found = instance_secrets::Entity::find_by_id(MASTER_KEY_PROOF)
            .one(transaction)
            .await?;
        if let Some(proof) = found {
            let opened = self.master.sealing().open(&proof.sealed, place);
            return opened.map(drop).map_err(|_| {
                let why = "this database was sealed with another master key; \
                           give the one it was created with (secrets.master_key_file)";
                StorageError::MasterKey(why.to_owned())
            });
        }
        let sealed = self.master.sealing().seal(b"portolan", place)?;
        let proof = instance_secrets::ActiveModel {
            name: sea_orm::Set(MASTER_KEY_PROOF.to_owned()),
            sealed: sea_orm::Set(sealed),
        };
        instance_secrets::Entity::insert(proof)
            .exec_without_returning(transaction)
            .await?;
        Ok(())
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

    /// Opens a transaction that writes. SQLite takes its write lock now, not at the first write,
    /// where it could fail because another writer came between.
    pub(crate) async fn write(&self) -> Result<DatabaseTransaction> {
        begin_write(&self.database).await
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

    /// A new data key, and its sealed form for the row with this key.
    pub(crate) fn new_data_key(&self, owner_key: &str) -> Result<Vec<u8>> {
        let key = SealingKey::generate()?;
        self.master
            .sealing()
            .seal(key.as_bytes(), data_key_place(owner_key))
    }

    /// The key that seals what belongs to this owner.
    pub(crate) fn data_key(&self, owner: &owners::Model) -> Result<SealingKey> {
        let place = data_key_place(&owner.key);
        let bytes = self.master.sealing().open(&owner.data_key_sealed, place)?;
        SealingKey::from_bytes(&bytes).ok_or_else(|| StorageError::Corrupt {
            table: "owners",
            column: "data_key_sealed",
            row: owner.key.clone(),
        })
    }
}

async fn begin_write(database: &DatabaseConnection) -> Result<DatabaseTransaction> {
    let postgres = Engine::of(database.get_database_backend()) == Engine::Postgres;
    let options = TransactionOptions {
        isolation_level: postgres.then_some(IsolationLevel::ReadCommitted),
        access_mode: postgres.then_some(AccessMode::ReadWrite),
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
    };
    Ok(database.begin_with_options(options).await?)
}

/// Brings the schema up to this version, under a lock: one node migrates while others wait.
pub(crate) async fn migrate_schema(database: &DatabaseConnection) -> Result<()> {
    let transaction = begin_write(database).await?;
    lock_migrations(&transaction).await?;
    Migrator::up(&transaction, None).await?;
    Ok(transaction.commit().await?)
}

/// Held until the transaction ends. SQLite has one writer anyway.
async fn lock_migrations(transaction: &DatabaseTransaction) -> Result<()> {
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

/// The data key is made before the row has a number, so its place is named by the owner's key,
/// which never changes.
fn data_key_place(owner_key: &str) -> Place<'_> {
    Place {
        table: "owners",
        owner: 0,
        row: owner_key,
    }
}
