//! Takes messages from the outbox, a few at a time, and posts them. Any node sends any message.

use std::time::Duration;

use futures_util::future::join_all;
use portolan_storage::{OutboxMessage, Postponed, StorageError, Store};
use tokio_util::sync::CancellationToken;

use super::Webhook;
use crate::clock::Clock;

/// How often the outbox is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Messages that are on their way at once, from one node.
const AT_ONCE: u64 = 8;
/// How much longer than a delivery a lease is: for the database before and after it.
const MARGIN: Duration = Duration::from_secs(55);
/// The first pause; each one is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Sends what waits.
pub struct Sender {
    webhook: Webhook,
    store: Store,
    clock: Clock,
}

impl Sender {
    /// A sender from this store to this receiver.
    #[must_use]
    pub fn new(webhook: Webhook, store: Store, clock: Clock) -> Self {
        Self {
            webhook,
            store,
            clock,
        }
    }

    /// Sends until it is told to stop; what is on its way then gets its answer.
    pub async fn run(self, stop: CancellationToken) {
        let mut is_failing = false;
        while !stop.is_cancelled() {
            match self.round().await {
                Ok(0) => is_failing = false,
                Ok(_) => continue,
                Err(error) if is_failing => tracing::debug!(%error, "the outbox cannot be read"),
                Err(error) => {
                    tracing::warn!(%error, "the outbox cannot be read; its messages wait");
                    is_failing = true;
                }
            }
            let pause = tokio::time::sleep(LOOK);
            let _ = stop.run_until_cancelled(pause).await;
        }
    }

    /// Sends a few messages, and says how many were due.
    async fn round(&self) -> Result<usize, StorageError> {
        let lease = self.webhook.timeout() + MARGIN;
        let lease = time::Duration::try_from(lease).unwrap_or(time::Duration::MINUTE);
        let now = self.clock.now();
        let messages = self.store.claim_messages(now, lease, AT_ONCE).await?;
        if messages.is_empty() {
            return Ok(0);
        }
        let sent = join_all(messages.iter().map(|message| self.send(message))).await;
        let gone: Vec<_> = messages
            .iter()
            .zip(&sent)
            .filter(|(_, later)| later.is_none())
            .map(|(message, _)| message.id)
            .collect();
        let later: Vec<Postponed> = sent.into_iter().flatten().collect();
        self.store.settle_messages(&gone, &later).await?;
        Ok(messages.len())
    }

    /// Posts one; says when it is to be tried again, where it was not taken and not given up.
    async fn send(&self, message: &OutboxMessage) -> Option<Postponed> {
        let now = self.clock.now();
        let (id, attempt) = (message.id.to_string(), message.attempt);
        let error = match self.webhook.post(&id, now, &message.body).await {
            Ok(status) => {
                tracing::debug!(id, %status, attempt, "a message was delivered");
                return None;
            }
            Err(error) => error,
        };
        let until = now + pause(attempt, jitter());
        if until - message.created_at > self.webhook.give_up() {
            tracing::error!(id, %error, attempt, "a message is given up (webhook.give_up_hours)");
            return None;
        }
        tracing::warn!(id, %error, attempt, "a message was not delivered; it is tried again");
        Some(Postponed {
            id: message.id,
            attempt,
            until,
        })
    }
}

/// How long to wait after so many attempts: twice as long each time, less up to a half of it, so that
/// messages that failed together do not come back together.
fn pause(attempt: u32, jitter: u8) -> Duration {
    let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
    let longest = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
    longest.mul_f64(1.0 - f64::from(jitter) / 512.0)
}

fn jitter() -> u8 {
    let mut byte = [0];
    // Without randomness the pauses are right, but alike.
    let _ = openssl::rand::rand_bytes(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let seconds: Vec<u64> = (1..=10)
            .map(|attempt| pause(attempt, 0).as_secs())
            .collect();
        assert_eq!(seconds, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]);
        assert_eq!(pause(u32::MAX, 0), LONGEST_PAUSE);
        for attempt in 1..=10 {
            let (shortest, longest) = (pause(attempt, u8::MAX), pause(attempt, 0));
            assert!(shortest >= longest / 2 && shortest < longest);
        }
    }
}
