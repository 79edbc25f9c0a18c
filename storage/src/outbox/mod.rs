//! Messages for the operator's webhook. A message is written in the transaction of the change that it
//! tells of, so that a crash loses none, and waits here until somebody has delivered it.

mod append;
mod claim;
mod message;
mod notices;

pub use claim::{OutboxMessage, Postponed};

pub(crate) use append::append;

use crate::store::Store;

/// Messages that wait at most: a receiver that is gone for good must not fill the disk.
const MOST_WAITING: u64 = 100_000;

/// What is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxEvents {
    /// Imports, refused and undone ones included.
    pub imports: bool,
    /// Certificates that end soon.
    pub expiry: bool,
    /// Entitlements and credentials that were revoked.
    pub revocations: bool,
}

impl Store {
    /// The same store, which also keeps messages for a webhook. Without this, none are written.
    #[must_use]
    pub fn with_outbox(mut self, events: OutboxEvents) -> Self {
        self.outbox = events;
        self
    }
}
