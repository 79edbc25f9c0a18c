//! What all batches share: lines that go into a temporary table `batch_lines` as they come, counts, and the
//! line that is refused.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use thiserror::Error;

use crate::error::{Result, StorageError};

/// One line of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchLine<T> {
    /// Its number, counted from 1.
    pub number: u64,
    /// What it says.
    pub item: T,
}

/// Why a line of a batch was refused, and the whole batch with it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LineRefusal {
    /// An earlier line is of the same thing.
    #[error("the {what} {name} is in an earlier line already")]
    Twice {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The owner has no such pool.
    #[error("the owner has no pool {0}")]
    UnknownPool(String),
    /// The owner has no such upstream entitlement.
    #[error("the owner has no upstream entitlement {0}")]
    UnknownUpstream(String),
    /// The id is another owner's, or an upstream entitlement's.
    #[error("the entitlement id {0} is in use here already")]
    InUse(String),
    /// No repository of the owner has the collection.
    #[error("the collection {0} is in no repository of this owner")]
    CollectionNotOwned(String),
}

/// What a batch changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchCounts {
    /// New ones.
    pub created: u64,
    /// Those that are otherwise now.
    pub updated: u64,
    /// Those that were so already.
    pub unchanged: u64,
    /// Those that were not in it.
    pub removed: u64,
}

impl BatchCounts {
    /// How many changed.
    pub(crate) fn changes(&self) -> u64 {
        self.created + self.updated + self.removed
    }

    /// The counts in words, for the audit log.
    pub(crate) fn in_words(&self) -> String {
        let (created, updated, removed) = (self.created, self.updated, self.removed);
        format!("a batch: {created} created, {updated} updated, {removed} removed")
    }
}

impl<T> BatchLine<T> {
    /// Its number, as databases have numbers.
    pub(crate) fn row_number(&self) -> i64 {
        i64::try_from(self.number).unwrap_or(i64::MAX)
    }
}

/// Before the checks: PostgreSQL knows nothing of a table that is new, and plans as if it were small.
pub(crate) fn prepare(backend: DbBackend) -> Option<&'static str> {
    (backend == DbBackend::Postgres).then_some("ANALYZE batch_lines")
}

/// Before the commit: SQLite keeps temporary tables for as long as the connection lives.
pub(crate) fn clean(backend: DbBackend) -> Option<&'static str> {
    (backend != DbBackend::Postgres).then_some("DROP TABLE batch_lines")
}

/// Which of these lines were taken.
const TAKEN: &str = "SELECT line FROM batch_lines WHERE line BETWEEN $1 AND $2";

/// Loads these lines with a statement that leaves out the ones whose key is there already. The first of
/// those is refused, for what `twice` says of it.
pub(crate) async fn load<T>(
    connection: &impl ConnectionTrait,
    (sql, values): (&str, impl IntoIterator<Item = Value>),
    lines: &[BatchLine<T>],
    twice: impl Fn(&T) -> LineRefusal,
) -> Result<()> {
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        return Ok(());
    };
    if execute(connection, sql, values).await? == lines.len() as u64 {
        return Ok(());
    }
    let between = [first.row_number().into(), last.row_number().into()];
    let taken = numbers(connection, TAKEN, between).await?;
    let taken: HashSet<i64> = taken.into_iter().collect();
    let second = lines
        .iter()
        .find(|line| !taken.contains(&line.row_number()));
    let second = second.unwrap_or(first);
    Err(StorageError::Line {
        line: second.number,
        refusal: twice(&second.item),
    })
}

/// Runs a statement, and tells how many rows it touched.
pub(crate) async fn execute(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64> {
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    Ok(connection.execute_raw(statement).await?.rows_affected())
}

/// The first line of an answer: its number, and what is wrong with it.
pub(crate) async fn first_line(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<(i64, String)>> {
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let Some(row) = connection.query_one_raw(statement).await? else {
        return Ok(None);
    };
    Ok(Some((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
}

/// The numbers of an answer.
async fn numbers(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<i64>> {
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let rows = connection.query_all_raw(statement).await?;
    let numbers: Result<Vec<i64>, _> = rows.iter().map(|row| row.try_get_by_index(0)).collect();
    Ok(numbers?)
}
