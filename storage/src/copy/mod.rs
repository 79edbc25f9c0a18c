//! From SQLite to PostgreSQL: the whole database, in one transaction, counted and compared. An instance that
//! began as one file goes on as many nodes, with the same master key.

mod rows;
mod tables;

use std::path::Path;

use portolan_migrations::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, sqlx::sqlite::SqliteConnectOptions,
};
use thiserror::Error;

use crate::{
    database::Database,
    engine::{self, DatabaseSettings, Engine},
    error::{Result, StorageError},
    store::lock_migrations,
};

/// A table that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedTable {
    /// Its name.
    pub name: &'static str,
    /// How many rows it has, on both sides.
    pub rows: u64,
}

/// A database that was not copied. The target has nothing of it.
#[derive(Debug, Error)]
pub enum CopyError {
    /// It goes from SQLite to PostgreSQL alone.
    #[error("a database is copied from sqlite:FILE to postgres://USER:PASSWORD@HOST/NAME")]
    Engines,
    /// There is no such file.
    #[error("there is no database {0}")]
    NoSource(String),
    /// The source's schema is older than this version's.
    #[error(
        "the schema of the source is older than this version; bring it up to date first: portolan db migrate"
    )]
    SourceBehind,
    /// Somebody has something there.
    #[error(
        "the target is not empty: it has the table {0}. Copy into a database that was just created"
    )]
    TargetNotEmpty(String),
    /// What came out is not what went in.
    #[error(
        "the table {table} did not arrive as it was: {sent} rows went, {arrived} came, or what is in them differs"
    )]
    Differs {
        /// The table.
        table: &'static str,
        /// Rows of the source.
        sent: u64,
        /// Rows of the target.
        arrived: u64,
    },
    /// One of the databases failed.
    #[error(transparent)]
    Store(#[from] StorageError),
}

impl From<DbErr> for CopyError {
    fn from(error: DbErr) -> Self {
        Self::Store(error.into())
    }
}

/// Copies every table of a SQLite file into an empty PostgreSQL database, and compares each with what
/// arrived. The source is only read, as it is at one moment: what a service writes to it meanwhile is not copied.
///
/// # Errors
/// [`CopyError`]; then the target is as it was.
pub async fn copy_database(
    from: &DatabaseSettings,
    to: &DatabaseSettings,
) -> Result<Vec<CopiedTable>, CopyError> {
    let engines = (Engine::of_url(&from.url), Engine::of_url(&to.url));
    if engines != (Some(Engine::Sqlite), Some(Engine::Postgres)) {
        return Err(CopyError::Engines);
    }
    let source = open_source(from).await?;
    // Rows by the million in one transaction are nothing for a pooler.
    let target = DatabaseSettings::of_url(to.direct(), to.pool_size);
    let target = engine::connect(&target).await?;
    let copied = copy(&source, &target).await;
    source.close().await?;
    target.close().await?;
    copied
}

/// Connecting would make a file where there is none.
async fn open_source(from: &DatabaseSettings) -> Result<Database, CopyError> {
    let file = from.url.parse::<SqliteConnectOptions>().ok();
    let file = file.as_ref().map(SqliteConnectOptions::get_filename);
    if !file.is_some_and(Path::is_file) {
        let shown = from.url.split('?').next().unwrap_or_default();
        return Err(CopyError::NoSource(shown.to_owned()));
    }
    let source = engine::connect(from).await?;
    let pending = Migrator::get_pending_migrations(&source).await?;
    if pending.is_empty() {
        Ok(source)
    } else {
        Err(CopyError::SourceBehind)
    }
}

async fn copy(source: &Database, target: &Database) -> Result<Vec<CopiedTable>, CopyError> {
    // One moment of the source for all tables.
    let reading = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Deferred),
        ..TransactionOptions::default()
    };
    let reading = source.begin_with_options(reading).await?;
    let writing = target.begin().await?;
    lock_migrations(&writing).await?;
    refuse_full(&writing).await?;
    Migrator::up(&writing, None).await?;
    let copied = tables::copy_all(&reading, &writing).await?;
    advance_ids(&reading, &writing).await?;
    writing.commit().await?;
    Ok(copied)
}

/// Anything there is somebody's: an instance that was started once has keys and an audit log of its own.
async fn refuse_full(target: &DatabaseTransaction) -> Result<(), CopyError> {
    let any = "SELECT table_name FROM information_schema.tables \
               WHERE table_schema = ANY (current_schemas(false)) ORDER BY table_name LIMIT 1";
    let found = target
        .query_one_raw(Statement::from_string(DbBackend::Postgres, any))
        .await?;
    match found {
        Some(row) => Err(CopyError::TargetNotEmpty(row.try_get("", "table_name")?)),
        None => Ok(()),
    }
}

/// No id is given twice, not even that of a row which is gone.
async fn advance_ids(source: &DatabaseTransaction, target: &DatabaseTransaction) -> Result<()> {
    let given = "SELECT name, seq FROM sqlite_sequence";
    let given = source
        .query_all_raw(Statement::from_string(DbBackend::Sqlite, given))
        .await?;
    for row in given {
        let (table, last): (String, i64) = (row.try_get("", "name")?, row.try_get("", "seq")?);
        if last < 1 {
            continue;
        }
        let advance = Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT setval(pg_get_serial_sequence($1, 'id'), $2)",
            [table.into(), last.into()],
        );
        target.query_one_raw(advance).await?;
    }
    Ok(())
}
