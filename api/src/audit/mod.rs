//! What the audit log is told beside changes, which write their own rows: refusals, and counts of
//! reads of key material and of failed credentials.
//!
//! No request waits for it. Rows are written by a task of their own, counts once their minute is over;
//! while the database is away, both wait in memory, which is bounded.

mod counts;
mod layer;
mod reads;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use portolan_domain::ids::OwnerKey;
use portolan_storage::{Actor, Event, Outcome, PrincipalKind, StorageError, Store};
use time::OffsetDateTime;
use tokio::sync::Notify;

pub use layer::{Trail, record_refusals};

use self::{
    counts::{Counted, Counts},
    reads::Reads,
};
use crate::{clock::Clock, limits::address_key};

/// How often the minute's end is looked for.
const TICK: Duration = Duration::from_secs(1);
/// Rows that are written at once.
const BATCH: usize = 500;
/// Rows that wait in memory at most.
const MOST_WAITING: usize = 10_000;
/// Refusals of one principal that get rows of their own, a minute; more are counted.
const MOST_REFUSALS: u64 = 60;

/// Takes what happened; cheap to clone.
#[derive(Clone)]
pub struct Audit {
    store: Store,
    clock: Clock,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    reads: Reads,
    waiting: Mutex<Waiting>,
    wake: Notify,
    /// Held while a batch is on its way, so that whoever flushes waits for it.
    writing: tokio::sync::Mutex<()>,
    stopping: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    counts: Counts,
    rows: Vec<Event>,
    lost: u64,
}

impl Audit {
    /// A recorder into this store. Nothing is written before [`Audit::run`].
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        let inner = Arc::default();
        Self {
            store,
            clock,
            inner,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        let waiting = self.inner.waiting.lock();
        waiting.unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody read a private key of this owner's.
    pub fn key_material_read(
        &self,
        by: (PrincipalKind, &str),
        owner: &OwnerKey,
        at: OffsetDateTime,
    ) {
        if self.inner.reads.again(by, owner, at) {
            return;
        }
        let (over, counted) = self.inner.reads.first(by, owner, at);
        let mut waiting = self.waiting();
        waiting.counts.add_reads(over);
        if !counted {
            waiting.counts.add(Counted::key_read(by, owner), at);
        }
    }

    /// URLs of a CDN were signed for somebody.
    pub fn urls_signed(&self, by: &Actor, owner: Option<&OwnerKey>) {
        let what = Counted::of(by, "signed-url.create", Outcome::Success);
        let what = match owner {
            Some(owner) => what.of_owner(owner),
            None => what,
        };
        self.waiting().counts.add(what, by.at);
    }

    /// Somebody showed a credential that does not count. Who it was is not known; from where, is.
    pub fn credential_failed(&self, address: Option<std::net::IpAddr>) {
        let nobody = Actor {
            kind: PrincipalKind::Anonymous,
            name: "anonymous".to_owned(),
            address,
            request_id: None,
            at: self.clock.now(),
        };
        // As they are limited: of IPv6, whoever has one address has a network of them.
        let address = address.map(address_key);
        let what = Counted::of(&nobody, "credential.fail", Outcome::Refused);
        self.waiting().counts.add(what.from(address), nobody.at);
    }

    /// Something was refused to somebody who is known.
    pub fn refused(&self, event: Event) {
        let mut waiting = self.waiting();
        let what = Counted::of(&event.actor, event.action, event.outcome);
        let at = event.actor.at;
        if waiting.counts.refusals(&what, at) > MOST_REFUSALS {
            waiting.counts.add(what, at);
        } else if waiting.rows.len() < MOST_WAITING {
            waiting.rows.push(event);
            self.inner.wake.notify_one();
        } else {
            waiting.lost += 1;
        }
    }

    /// Writes what waits, until [`Audit::stop`].
    pub async fn run(self) {
        while !self.inner.stopping.load(Ordering::Relaxed) {
            // Whatever comes first: a row, or the next look at the clock.
            let _ = tokio::time::timeout(TICK, self.inner.wake.notified()).await;
            let now = self.clock.now();
            let reads = self.inner.reads.finished(now);
            self.waiting().counts.add_reads(reads);
            self.waiting().collect(|counts| counts.finished(now));
            if let Err(error) = self.write().await {
                tracing::warn!(%error, "the audit log cannot be written; it waits");
                tokio::time::sleep(TICK).await;
            }
        }
    }

    /// Ends [`Audit::run`] once what it writes is written.
    pub fn stop(&self) {
        self.inner.stopping.store(true, Ordering::Relaxed);
        self.inner.wake.notify_one();
    }

    /// Writes all that waits, the running minute included.
    ///
    /// # Errors
    /// Where the database fails; what was not written waits on.
    pub async fn flush(&self) -> Result<(), StorageError> {
        let reads = self.inner.reads.all();
        self.waiting().counts.add_reads(reads);
        self.waiting().collect(Counts::all);
        self.write().await
    }

    async fn write(&self) -> Result<(), StorageError> {
        let _writing = self.inner.writing.lock().await;
        loop {
            let batch = self.waiting().next_batch(self.clock.now());
            if batch.is_empty() {
                return Ok(());
            }
            if let Err(error) = self.store.record_events(batch.clone()).await {
                self.waiting().put_back(batch);
                return Err(error);
            }
        }
    }
}

impl Waiting {
    fn collect(&mut self, counted: impl FnOnce(&mut Counts) -> Vec<Event>) {
        if self.rows.len() < MOST_WAITING {
            let events = counted(&mut self.counts);
            self.rows.extend(events);
        }
    }

    fn next_batch(&mut self, now: OffsetDateTime) -> Vec<Event> {
        let end = self.rows.len().min(BATCH);
        let mut batch: Vec<Event> = self.rows.drain(..end).collect();
        if self.lost > 0 {
            let event = Actor::system(now).did("audit.lose");
            let event = event.ended(Outcome::Failed).times(self.lost);
            batch.push(
                event.detail("rows that found no room in memory while the database was away"),
            );
            self.lost = 0;
        }
        batch
    }

    fn put_back(&mut self, mut batch: Vec<Event>) {
        batch.append(&mut self.rows);
        self.rows = batch;
    }
}
