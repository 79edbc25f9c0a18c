//! Connecting to SQLite or PostgreSQL, each with the settings that make it safe.

use std::{fs::OpenOptions, io::ErrorKind, os::unix::fs::OpenOptionsExt, time::Duration};

use sea_orm::{
    ConnectOptions, DbBackend, DbErr,
    sqlx::{
        Connection,
        postgres::{PgConnectOptions, PgPool, PgPoolOptions},
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};

use crate::{
    database::Database,
    error::{Result, StorageError, is_locked, lost},
};

/// Where the database is.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// `sqlite://…` or `postgres://…`.
    pub url: String,
    /// PostgreSQL itself, where `url` leads to a pooler that hands out connections by transaction: the feed of
    /// changes and migrations need a connection of their own.
    pub direct_url: Option<String>,
    /// A streaming replica: see [`crate::Store`].
    pub read_url: Option<String>,
    /// Connections at most.
    pub pool_size: u32,
}

/// Which engine a store runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Embedded, one file.
    Sqlite,
    /// A server, any number of nodes.
    Postgres,
}

impl Engine {
    /// Which engine a URL names.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let scheme = url.split(':').next()?;
        match scheme {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    pub(crate) fn of(backend: DbBackend) -> Self {
        match backend {
            DbBackend::Postgres => Self::Postgres,
            _ => Self::Sqlite,
        }
    }
}

/// How long a writer of SQLite waits for another one: a large import holds the lock for seconds.
const BUSY: Duration = Duration::from_mins(1);
/// How long a request waits for a connection before it answers 503.
const ACQUIRE: Duration = Duration::from_secs(5);
/// Turning a fresh SQLite file to WAL needs it alone, and `busy_timeout` does not wait for that:
/// programs that start at once on one try again, for two seconds.
const LOCKED_TRIES: u32 = 100;
const LOCKED_PAUSE: Duration = Duration::from_millis(20);

impl DatabaseSettings {
    /// A database at this URL, and nothing else.
    #[must_use]
    pub fn of_url(url: impl Into<String>, pool_size: u32) -> Self {
        Self {
            url: url.into(),
            direct_url: None,
            read_url: None,
            pool_size,
        }
    }

    /// Where connections are that stay the same from one transaction to the next.
    pub(crate) fn direct(&self) -> &str {
        self.direct_url.as_deref().unwrap_or(&self.url)
    }

    /// Whether `url`, and `read_url`, lead to a pooler.
    fn is_pooled(&self) -> bool {
        self.direct_url.is_some()
    }
}

pub(crate) async fn connect(settings: &DatabaseSettings) -> Result<Database> {
    if Engine::of_url(&settings.url) == Some(Engine::Sqlite) {
        make_private(&settings.url)?;
    }
    let options = options(settings);
    for _ in 0..LOCKED_TRIES {
        match sea_orm::Database::connect(options.clone()).await {
            Err(error) if is_locked(&error) => tokio::time::sleep(LOCKED_PAUSE).await,
            other => return Ok(Database::new(other?, settings.is_pooled())),
        }
    }
    let connection = sea_orm::Database::connect(options).await?;
    Ok(Database::new(connection, settings.is_pooled()))
}

/// As [`connect`], but that no connection is made before one is needed.
pub(crate) async fn connect_lazily(settings: &DatabaseSettings) -> Result<Database> {
    let mut options = options(settings);
    options.connect_lazy(true);
    let connection = sea_orm::Database::connect(options).await?;
    Ok(Database::new(connection, settings.is_pooled()))
}

fn options(settings: &DatabaseSettings) -> ConnectOptions {
    let mut options = ConnectOptions::new(&settings.url);
    options
        .max_connections(settings.pool_size)
        .acquire_timeout(ACQUIRE)
        .connect_timeout(ACQUIRE)
        .sqlx_logging(false)
        // A ping before every query costs more than the query; a dead connection is seen anyway.
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(sqlite)
        .map_sqlx_sqlite_pool_opts(|pool| {
            // A full disk ends a transaction behind the driver's back, which then takes the next one
            // for a part of it and never commits. Such a connection is thrown away.
            pool.after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
        })
        .map_sqlx_postgres_opts(if settings.is_pooled() {
            pooled
        } else {
            postgres
        });
    options
}

/// Makes the database's file, for its owner alone: SQLite would make it readable by everybody, and
/// gives its log the mode of the file.
fn make_private(url: &str) -> Result<()> {
    let Ok(options) = url.parse::<SqliteConnectOptions>() else {
        // What is wrong with it, connecting says.
        return Ok(());
    };
    let file = options.get_filename();
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            let why = format!("{} cannot be made: {error}", file.display());
            Err(StorageError::Unavailable(DbErr::Custom(why)))
        }
        _ => Ok(()),
    }
}

fn sqlite(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // What was acknowledged survives a power cut, not only a crash of the program.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
}

/// One connection past any pooler, to listen on.
pub(crate) async fn listening_pool(settings: &DatabaseSettings) -> Result<PgPool> {
    let options = settings.direct().parse::<PgConnectOptions>();
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .idle_timeout(None)
        .acquire_timeout(ACQUIRE)
        .connect_with(postgres(options.map_err(lost)?).application_name("portolan feed"))
        .await;
    pool.map_err(lost)
}

fn postgres(options: PgConnectOptions) -> PgConnectOptions {
    options.application_name("portolan")
}

/// Behind a pooler no statement lasts, nor is a setting sent that poolers refuse by default.
fn pooled(options: PgConnectOptions) -> PgConnectOptions {
    postgres(options)
        .statement_cache_capacity(0)
        .extra_float_digits(None)
}
