//! Looks once an hour for what has come to end soon, and leaves it for the webhook.

use std::time::Duration;

use portolan_domain::expiry::CertificateKind;
use portolan_storage::StorageError;
use time::OffsetDateTime;

use super::Expirations;
use crate::clock::Clock;

/// How often.
const EVERY: Duration = Duration::from_hours(1);
/// How soon again, where the database did not answer.
const AGAIN: Duration = Duration::from_mins(1);

impl Expirations {
    /// Leaves messages of what ends soon, each once for all nodes; says how many.
    ///
    /// # Errors
    /// Where the database fails; then nothing counts as told.
    pub async fn tell(&self, now: OffsetDateTime) -> Result<usize, StorageError> {
        let held = self.held_here(None).await?;
        let place = |one: &super::Expiration| (one.place.kind, one.place.not_after);
        let others: Vec<(CertificateKind, OffsetDateTime)> = held.iter().map(place).collect();
        self.store.tell_expiring(&others, now).await
    }
}

/// Looks again and again, until the task is dropped.
pub async fn watch(expirations: Expirations, clock: Clock) {
    loop {
        let pause = match expirations.tell(clock.now()).await {
            Ok(0) => EVERY,
            Ok(messages) => {
                tracing::info!(messages, "certificates end soon");
                EVERY
            }
            Err(error) => {
                tracing::warn!(%error, "what ends soon cannot be told");
                AGAIN
            }
        };
        tokio::time::sleep(pause).await;
    }
}
