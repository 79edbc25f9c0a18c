//! How long a request waits for the database where memory can answer it.

use std::time::Duration;

use portolan_storage::StorageError;

/// Beyond this, what memory has is the better answer.
const SHORT: Duration = Duration::from_millis(200);

/// Asks the database: with little patience where memory has an answer, else with its own.
pub async fn patiently<T>(
    question: impl Future<Output = Result<T, StorageError>>,
    memory_can_answer: bool,
) -> Result<T, StorageError> {
    if !memory_can_answer {
        return question.await;
    }
    let answer = tokio::time::timeout(SHORT, question).await;
    answer.unwrap_or_else(|_| Err(StorageError::timed_out()))
}
