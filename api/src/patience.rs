//! How long a request waits for the database where memory can answer it.

use std::time::Duration;

use portolan_storage::StorageError;

use crate::pulse::Pulse;

/// Beyond this, what memory has is the better answer.
pub const SHORT: Duration = Duration::from_millis(200);

/// A database that is frozen, and not gone, says nothing at all. Whoever asks a proxy has long given
/// up by then.
pub const LONG: Duration = Duration::from_secs(5);

/// Dead connections that one question may meet.
const DEAD: usize = 10;

/// Asks again where a connection failed although the database is there: after an outage, those in the pool are dead,
/// and each is found out by whoever takes it.
pub async fn past_dead_connections<T, F>(
    pulse: &Pulse,
    question: impl Fn() -> F,
) -> Result<T, StorageError>
where
    F: Future<Output = Result<T, StorageError>>,
{
    for _ in 0..DEAD {
        match question().await {
            Err(StorageError::Unavailable(error)) if pulse.is_heard() => {
                tracing::debug!(%error, "a connection was dead");
            }
            answer => return answer,
        }
    }
    question().await
}

/// Asks the database: with little patience where memory has an answer, else with more.
pub async fn patiently<T>(
    question: impl Future<Output = Result<T, StorageError>>,
    memory_can_answer: bool,
) -> Result<T, StorageError> {
    let patience = if memory_can_answer { SHORT } else { LONG };
    let answer = tokio::time::timeout(patience, question).await;
    answer.unwrap_or_else(|_| Err(StorageError::timed_out()))
}
