//! What was revoked, in memory: a check costs no query. Every node follows what is revoked elsewhere over
//! a connection of its own, so that a revocation counts everywhere within a second. While the database is
//! away, what is known goes on counting, and it is known since when nothing new was heard.

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use portolan_domain::token::{Claims, Revocation, RevocationSet};
use portolan_storage::{Engine, StorageError, Store};
use time::OffsetDateTime;
use tokio::time::timeout;

use crate::{
    clock::Clock,
    patience::{SHORT, patiently},
    pulse::{Beat, Pulse},
    server::close,
};

/// Revocations in one question.
const PAGE: u64 = 10_000;
/// How long an id is kept beyond its token's end: the clocks of nodes differ.
const KEPT: Duration = Duration::from_mins(5);
/// Within this, a revocation counts on every node: what is not older than this is as good as now.
const PROMPT: Duration = Duration::from_secs(1);
/// Beyond this the database is asked by whoever must know: with that question, a revocation counts within a second.
const FRESH: Duration = Duration::from_millis(700);
/// How long a question that failed is left alone.
const RETRY: Duration = Duration::from_millis(250);
/// By how much nodes may differ in when they learned of a revocation, their clocks included. A peer may
/// ask one node, and then another.
const BETWEEN_NODES: Duration = Duration::from_secs(5);

/// Knows what was revoked; cheap to clone.
#[derive(Clone)]
pub struct Revocations(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Clock,
    set: RwLock<RevocationSet>,
    /// How far memory has come; none before the first reading.
    known: Mutex<Option<Known>>,
    /// Held by the one who reads for the first time.
    reading: tokio::sync::Mutex<()>,
    /// When the database was last asked in vain.
    failed: Mutex<Option<Instant>>,
}

#[derive(Clone, Copy)]
struct Known {
    /// Everything up to this number is in memory.
    number: i64,
    /// See [`Beat::opening`].
    opening: u64,
    /// The last instant of which that is known to have been all.
    complete: Instant,
}

impl Revocations {
    /// Over a store. Nothing is read yet.
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            set: RwLock::default(),
            known: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            failed: Mutex::default(),
        }))
    }

    /// Whether a token with these claims was revoked. Before the first reading nobody knows: see
    /// [`Revocations::be_read`].
    #[must_use]
    pub fn is_revoked(&self, claims: &Claims) -> bool {
        let set = self.0.set.read().unwrap_or_else(PoisonError::into_inner);
        set.hits(claims)
    }

    /// Whether memory was ever complete.
    #[must_use]
    pub fn were_read(&self) -> bool {
        self.known().is_some()
    }

    /// Whether memory was complete at some time within this span.
    #[must_use]
    pub fn known_within(&self, span: Duration) -> bool {
        self.known()
            .is_some_and(|known| known.complete.elapsed() <= span)
    }

    /// Takes up what this node has just revoked: it counts here before the answer.
    pub fn learn(&self, revocations: Vec<Revocation>) {
        let mut set = self.0.set.write().unwrap_or_else(PoisonError::into_inner);
        // With the set in hand, so that whoever is told it before does not take it for older.
        let now = self.0.clock.now();
        for revocation in revocations {
            set.learn(revocation, now);
        }
    }

    /// Looks at what is revoked, with the instant up to which that is complete, and the one since when a
    /// peer must be told that has been told up to `since`, by whichever node.
    pub fn look<T>(
        &self,
        since: Option<OffsetDateTime>,
        at: impl FnOnce(&RevocationSet, OffsetDateTime, Option<OffsetDateTime>) -> T,
    ) -> T {
        let set = self.0.set.read().unwrap_or_else(PoisonError::into_inner);
        let age = self.known().map(|known| known.complete.elapsed());
        let age = age.filter(|age| *age > PROMPT).unwrap_or_default();
        let overlap = match self.0.store.engine() {
            Engine::Sqlite => Duration::ZERO,
            Engine::Postgres => BETWEEN_NODES,
        };
        let since = since.map(|since| since - overlap);
        at(&set, self.0.clock.now() - age, since)
    }

    /// Asks the database itself, once for all who ask meanwhile, where nothing was heard of it for longer than a
    /// revocation may take: a feed that waits behind slow commits is no reason to believe a revoked token. What the
    /// database does not answer soon is not known, and memory counts for as long as it may.
    pub async fn be_fresh(&self) {
        if self.known_within(FRESH) || self.has_just_failed() {
            return;
        }
        let asked = Instant::now();
        let asking = async {
            let _turn = self.0.reading.lock().await;
            if self.known().is_some_and(|known| known.complete >= asked) || self.has_just_failed() {
                return Ok(());
            }
            let asked = Instant::now();
            let generations = self.0.store.generations().await?;
            let beat = Beat {
                generations,
                asked,
                opening: self.known().map_or(0, |known| known.opening),
            };
            self.read(&self.0.store, beat).await
        };
        if !matches!(timeout(SHORT, asking).await, Ok(Ok(()))) {
            let mut failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
            *failed = Some(Instant::now());
        }
    }

    fn has_just_failed(&self) -> bool {
        let failed = *self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|at| at.elapsed() < RETRY)
    }

    /// Whether a revocation that is older than a second would be known.
    #[must_use]
    pub fn are_fresh(&self) -> bool {
        self.known_within(FRESH)
    }

    /// Reads all that was revoked, where that was not done yet.
    ///
    /// # Errors
    /// Where the database fails: then whether a token was revoked is not known.
    pub async fn be_read(&self) -> Result<(), StorageError> {
        if self.were_read() {
            return Ok(());
        }
        // Hardly ever, so that those who verify tokens need not carry it about.
        Box::pin(self.read_first()).await
    }

    async fn read_first(&self) -> Result<(), StorageError> {
        let _turn = self.0.reading.lock().await;
        if self.known().is_some() {
            return Ok(());
        }
        let (store, asked) = (&self.0.store, Instant::now());
        let generations = patiently(store.generations(), false).await?;
        let beat = Beat {
            generations,
            asked,
            opening: 0,
        };
        self.read(store, beat).await
    }

    /// Follows what is revoked elsewhere, for as long as the service runs.
    pub async fn follow(self, pulse: Pulse) {
        let mut beats = pulse.beats();
        let mut connection = None;
        while beats.changed().await.is_ok() {
            let Some(beat) = *beats.borrow_and_update() else {
                continue;
            };
            if self.is_known(beat) {
                self.note(beat);
            } else if let Err(error) = self.catch_up(beat, &mut connection).await {
                tracing::warn!(%error, "what was revoked could not be read");
            }
        }
        if let Some(open) = connection {
            close(open).await;
        }
    }

    /// Forgets ids whose tokens have ended long ago, here and in the database.
    ///
    /// # Errors
    /// Where the database fails; another node, or the next start, forgets them there.
    pub async fn forget(&self) -> Result<(), StorageError> {
        let ended_at = self.0.clock.now() - KEPT;
        let forgotten = {
            let mut set = self.0.set.write().unwrap_or_else(PoisonError::into_inner);
            set.forget(ended_at)
        };
        if forgotten {
            self.0.store.forget_revocations(ended_at).await?;
        }
        Ok(())
    }

    fn known(&self) -> Option<Known> {
        *self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_known(&self, beat: Beat) -> bool {
        let known = self.known();
        let so_far = (beat.generations.revocations, beat.opening);
        known.is_some_and(|known| (known.number, known.opening) == so_far)
    }

    /// Memory has all that there was at this beat.
    fn note(&self, beat: Beat) {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let complete = known.map_or(beat.asked, |known| known.complete.max(beat.asked));
        *known = Some(Known {
            number: beat.generations.revocations,
            opening: beat.opening,
            complete,
        });
    }

    /// A flood of requests that has all connections must not keep a revoked token alive.
    async fn catch_up(
        &self,
        beat: Beat,
        connection: &mut Option<Store>,
    ) -> Result<(), StorageError> {
        let open = match connection.take() {
            Some(open) => open,
            None => patiently(self.0.store.on_its_own(), false).await?,
        };
        // One that failed is of no use for the next question.
        self.read(&open, beat).await?;
        *connection = Some(open);
        Ok(())
    }

    /// Reads what is behind what is known. Rows are numbered as they are committed: what is there after
    /// the beat is all that the beat was told of.
    async fn read(&self, store: &Store, beat: Beat) -> Result<(), StorageError> {
        // Numbers never go back, but where the database was restored: then all are read again. That may have been
        // whenever nobody listened.
        let known = self.known().filter(|known| {
            known.opening == beat.opening && known.number <= beat.generations.revocations
        });
        let mut number = known.map_or(0, |known| known.number);
        loop {
            let page = patiently(store.revocations_after(number, PAGE), false).await?;
            number = page.last;
            self.learn(page.items);
            if !page.more {
                break;
            }
        }
        self.note(beat);
        Ok(())
    }
}
