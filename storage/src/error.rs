//! What can go wrong below the handlers, sorted once, by error codes and never by message texts.

use std::sync::Arc;

use portolan_domain::{
    conflict::Conflict,
    ids::{CollectionId, ConsumerUuid, EntitlementId, OwnerKey, RepoName},
    signed_url::InvalidProfile,
};
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, SqlErr, SqlxError};
use thiserror::Error;

use crate::batch::LineRefusal;

/// A verb that was not carried out. Nothing of it is stored.
#[derive(Debug, Error)]
pub enum StorageError {
    /// No such thing.
    #[error("there is no {what} {name}")]
    NotFound {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The name is taken.
    #[error("the {what} {name} exists already")]
    Taken {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It is needed by something else.
    #[error("the {what} {name} is in use: {by}")]
    InUse {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// By what.
        by: String,
    },
    /// Conflicts that the caller did not force.
    #[error("the manifest conflicts with what the owner has: {}", names(.0))]
    Conflicts(Vec<Conflict>),
    /// The upstream consumer of the manifest is another owner's. Nothing forces this.
    #[error("the upstream consumer {0} belongs to another owner here")]
    UpstreamConsumerInUse(ConsumerUuid),
    /// An entitlement id is taken. Nothing forces this.
    #[error("the entitlement id {0} is in use here already")]
    EntitlementIdInUse(EntitlementId),
    /// The name is another owner's repository's.
    #[error("the repository {0} is another owner's")]
    RepoInUse(RepoName),
    /// The collection is another owner's.
    #[error("the collection {0} is in repositories of another owner")]
    CollectionInUse(CollectionId),
    /// No repository of the owner has the collection: it grants nothing of it.
    #[error("the collection {0} is in no repository of this owner")]
    CollectionNotOwned(CollectionId),
    /// The owner has this many jobs that are still to be done, and may not have more.
    #[error("the owner has {0} jobs that are still to be done; no more are taken")]
    TooManyJobs(u64),
    /// The job was taken back, or another node has it: what was done for it is dropped.
    #[error("the job was taken back or taken over")]
    JobLost,
    /// A file of this machine failed.
    #[error("a temporary file failed")]
    Disk(#[source] std::io::Error),
    /// A thread of this program ended early.
    #[error("the work was interrupted")]
    Interrupted,
    /// A line of a batch was refused. Nothing of the batch is stored.
    #[error("line {line}: {refusal}")]
    Line {
        /// The line, counted from 1.
        line: u64,
        /// Why.
        refusal: LineRefusal,
    },
    /// A manifest brought this entitlement, so only a manifest takes it away.
    #[error("the entitlement {0} came with a manifest")]
    EntitlementIsUpstream(EntitlementId),
    /// Nothing could be signed as a CDN's profile says.
    #[error("signing: {0}")]
    CdnSigning(#[from] InvalidProfile),
    /// The owner has imported nothing, or its import was undone.
    #[error("the owner {0} has imported nothing")]
    WithoutImport(OwnerKey),
    /// The master key is missing, unreadable or another one.
    #[error("{0}")]
    MasterKey(String),
    /// What is stored cannot be read back: table, column and row.
    #[error("{table}.{column} of row {row} cannot be read back")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key.
        row: String,
    },
    /// The database does not answer, or gave up on a transaction that may be tried again.
    #[error("the database is not available")]
    Unavailable(#[source] DbErr),
    /// The database went away while it was to commit: it may have, or not.
    #[error("the database went away during the commit")]
    Uncertain(#[source] DbErr),
    /// Anything else the database says.
    #[error("the database refused a statement")]
    Database(#[source] DbErr),
    /// OpenSSL could not seal or unseal.
    #[error("sealing failed")]
    Seal(#[source] openssl::error::ErrorStack),
}

/// What verbs return.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

fn names(conflicts: &[Conflict]) -> String {
    let names: Vec<_> = conflicts.iter().map(|conflict| conflict.as_str()).collect();
    names.join(", ")
}

impl StorageError {
    /// The database did not answer in the time that somebody had for it.
    #[must_use]
    pub fn timed_out() -> Self {
        Self::Unavailable(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))
    }
}

impl StorageError {
    /// Whether a connection broke that seemed to be there, rather than that there is none to be had.
    pub(crate) fn is_dead_connection(&self) -> bool {
        let Self::Unavailable(
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)),
        ) = self
        else {
            return false;
        };
        match &**error {
            SqlxError::Io(_) | SqlxError::Tls(_) | SqlxError::Protocol(_) => true,
            // PostgreSQL's word as it ends a connection: a connection's own failure, or its shutdown.
            SqlxError::Database(error) => error
                .code()
                .is_some_and(|code| code.starts_with("08") || code.starts_with("57P0")),
            _ => false,
        }
    }

    /// What became of a transaction whose commit failed.
    pub(crate) fn of_commit(error: DbErr) -> Self {
        if is_unavailable(&error) {
            Self::Uncertain(error)
        } else {
            Self::Database(error)
        }
    }
}

/// A connection of the driver's own failed.
pub(crate) fn lost(error: SqlxError) -> StorageError {
    StorageError::Unavailable(DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))
}

impl From<DbErr> for StorageError {
    fn from(error: DbErr) -> Self {
        if is_unavailable(&error) {
            Self::Unavailable(error)
        } else {
            Self::Database(error)
        }
    }
}

/// Whether a unique constraint or a primary key refused the statement.
pub(crate) fn is_duplicate(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// Whether SQLite found the file locked by somebody else as it opened it.
pub(crate) fn is_locked(error: &DbErr) -> bool {
    let DbErr::Conn(RuntimeErr::SqlxError(error)) = error else {
        return false;
    };
    let database = error.as_database_error();
    database.is_some_and(|error| {
        error
            .code()
            .and_then(|code| sqlite_result(&code))
            .is_some_and(|c| matches!(c, 5 | 6))
    })
}

/// SQLite's primary result code: the low byte of the extended one ("Result Codes"). None for a
/// SQLSTATE of PostgreSQL, which has five characters.
fn sqlite_result(code: &str) -> Option<u32> {
    let extended: u32 = code.parse().ok().filter(|_| code.len() < 5)?;
    Some(extended & 0xFF)
}

/// Connection trouble (SQLSTATE class 08), a primary that became a standby (25006), serialization
/// failures and deadlocks (40), a lack of disk, memory or connections (53), a lock that was not to be
/// had (55P03), interventions and shutdowns (57), system errors (58), and SQLite's BUSY, LOCKED, IOERR, FULL and CANTOPEN.
fn is_unavailable(error: &DbErr) -> bool {
    let runtime = match error {
        DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => return true,
        DbErr::Exec(runtime) | DbErr::Query(runtime) => runtime,
        _ => return false,
    };
    let RuntimeErr::SqlxError(error) = runtime else {
        return false;
    };
    match &**error {
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::Protocol(_)
        | SqlxError::PoolTimedOut
        | SqlxError::PoolClosed
        | SqlxError::WorkerCrashed => true,
        SqlxError::Database(error) => error.code().is_some_and(|code| {
            let postgres = code.len() == 5
                && ["08", "25006", "40", "53", "55P03", "57", "58"]
                    .iter()
                    .any(|class| code.starts_with(class));
            postgres || sqlite_result(&code).is_some_and(|c| matches!(c, 5 | 6 | 10 | 13 | 14))
        }),
        _ => false,
    }
}
