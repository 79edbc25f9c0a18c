//! How long a request waits for the database where memory can answer it.

use std::time::Duration;

use portolan_storage::StorageError;

/// Beyond this, what memory has is the better answer.
pub const SHORT: Duration = Duration::from_millis(200);

/// A database that is frozen, and not gone, says nothing at all. Whoever asks a proxy has long given
/// up by then.
pub const LONG: Duration = Duration::from_secs(5);

/// Asks the database: with little patience where memory has an answer, else with more.
pub async fn patiently<T>(
    question: impl Future<Output = Result<T, StorageError>>,
    memory_can_answer: bool,
) -> Result<T, StorageError> {
    let patience = if memory_can_answer { SHORT } else { LONG };
    let answer = tokio::time::timeout(patience, question).await;
    answer.unwrap_or_else(|_| Err(StorageError::timed_out()))
}
