//! Finished answers of `cdn_info` and `upstream_cert`, by entitlement id: asked once per content request, so
//! that they cost no query.
//!
//! # When memory is right
//! While the feed of changes is heard (`pulse.rs`), an answer in memory is right unless its owner has changed
//! since it was asked for (`Changes`): a node's own changes count before they are acknowledged, another node's
//! as they are announced, at the latest after a second. Time alone makes an answer old where a certificate ends
//! or one of several was chosen.
//!
//! # When it is not
//! While the feed is silent, the database is asked, once for all who ask for the same; where memory has an
//! answer, for 200 ms at most. What it has goes out then, marked `Warning: 110`: but nothing that is known to
//! be older than a change.

mod entry;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::sync::Cache;
use portolan_storage::{Changes, EntitlementAnswer, StorageError, Store};
use time::OffsetDateTime;
use tokio::{sync::OwnedMutexGuard, time::timeout};
use tracing::{Instrument, debug_span};

use self::entry::{Absent, Entry, NOTHING, Nothing};
pub use self::entry::{Cached, Finished, Question};
use crate::{
    anchors::AnchorStore,
    clock::Clock,
    config::CacheConfig,
    patience::{LONG, SHORT, past_dead_connections},
    pulse::Pulse,
    signed_urls::Signers,
    telemetry::STEPS,
    turns::Turns,
};

/// Ids in memory at most of which there is nothing.
const MOST_NOTHINGS: u64 = 100_000;
/// Questions at once, about.
const TURNS: usize = 1024;

/// The cache; cheap to clone.
#[derive(Clone)]
pub struct EntitlementCache(Arc<Inner>);

struct Inner {
    store: Store,
    changes: Changes,
    anchors: AnchorStore,
    clock: Clock,
    pulse: Pulse,
    entries: Cache<Question, Arc<Entry>>,
    nothings: Cache<Question, Nothing>,
    signers: Signers,
    /// For how long answers go on while the database is away.
    stale_if_error: Duration,
    turns: Turns,
    counts: Counts,
}

/// How often memory had the answer, had it although the database was away, and had not.
#[derive(Default)]
struct Counts {
    hits: AtomicU64,
    stale: AtomicU64,
    misses: AtomicU64,
    queries: AtomicU64,
}

/// What the cache did since the start, and what it holds.
#[derive(Debug, Clone, Copy)]
pub struct CacheFigures {
    /// Answers from memory.
    pub hits: u64,
    /// Answers from memory that were marked.
    pub stale: u64,
    /// Questions to the database, or waits for somebody else's.
    pub misses: u64,
    /// Questions to the database.
    pub queries: u64,
    /// Bytes in memory.
    pub bytes: u64,
    /// Answers in memory.
    pub entries: u64,
}

impl EntitlementCache {
    /// An empty cache over a store, within these limits.
    #[must_use]
    pub fn new(
        store: Store,
        anchors: AnchorStore,
        clock: Clock,
        pulse: Pulse,
        config: &CacheConfig,
    ) -> Self {
        let entries = Cache::builder()
            .weigher(|_: &Question, entry: &Arc<Entry>| entry.weight())
            .max_capacity(config.entitlement_bytes)
            .build();
        let nothings = Cache::builder()
            .max_capacity(MOST_NOTHINGS)
            .time_to_live(NOTHING)
            .build();
        Self(Arc::new(Inner {
            changes: store.changes().clone(),
            store,
            anchors,
            clock,
            pulse,
            entries,
            nothings,
            signers: Signers::default(),
            stale_if_error: config.stale_if_error(),
            turns: Turns::new(TURNS),
            counts: Counts::default(),
        }))
    }

    /// The answer to a question; none where the entitlement is unknown.
    ///
    /// # Errors
    /// [`StorageError::WithoutImport`]; [`StorageError::NotFound`] for an unknown owner; another, where
    /// the database failed and memory has nothing as new as it must be.
    pub async fn get(&self, question: &Question) -> Result<Option<Cached>, StorageError> {
        let known = self.known(question);
        if let Some(known) = &known {
            if self.is_right(known) {
                self.0.counts.hits.fetch_add(1, Ordering::Relaxed);
                return Ok(Some(self.known_answer(question, known, false)));
            }
            if self.0.pulse.is_away() && self.may_be_stale() {
                return Ok(Some(self.known_answer(question, known, true)));
            }
        } else if let Some(nothing) = self.nothing(question, None) {
            self.0.counts.hits.fetch_add(1, Ordering::Relaxed);
            return nothing.into_answer();
        }
        self.0.counts.misses.fetch_add(1, Ordering::Relaxed);
        match (self.ask(question, known.is_some()).await, known) {
            (Err(StorageError::Unavailable(error)), Some(known)) => {
                // A change may have become known meanwhile.
                if !self.covers(&known) || !self.may_be_stale() {
                    return Err(StorageError::Unavailable(error));
                }
                tracing::warn!(%error, ?question, "the database is away: answered from memory");
                Ok(Some(self.known_answer(question, &known, true)))
            }
            (answer, _) => answer,
        }
    }

    /// The answer to a question, where memory has it and is right; costs no query, and no wait.
    #[must_use]
    pub fn remembered(&self, question: &Question, at: (Instant, OffsetDateTime)) -> Option<Cached> {
        let known = self
            .known(question)
            .filter(|known| self.is_right_at(known, at))?;
        Some(self.known_answer(question, &known, false))
    }

    /// What was remembered went out.
    pub fn count_hit(&self) {
        self.0.counts.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// What the cache did since the start, and what it holds.
    #[must_use]
    pub fn figures(&self) -> CacheFigures {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        CacheFigures {
            hits: count(&self.0.counts.hits),
            stale: count(&self.0.counts.stale),
            misses: count(&self.0.counts.misses),
            queries: count(&self.0.counts.queries),
            bytes: self.0.entries.weighted_size(),
            entries: self.0.entries.entry_count(),
        }
    }

    /// What memory has, where nothing is known to have changed since.
    fn known(&self, question: &Question) -> Option<Arc<Entry>> {
        let known = self.0.entries.get(question)?;
        self.covers(&known).then_some(known)
    }

    fn covers(&self, entry: &Entry) -> bool {
        self.0.changes.covers(entry.answer.owner(), entry.position)
    }

    /// Whether the database has not been away for too long.
    fn may_be_stale(&self) -> bool {
        let silent = self.0.pulse.silent_for();
        silent.is_none_or(|silent| silent < self.0.stale_if_error)
    }

    /// Whether an answer that nothing is known against may be believed.
    fn is_right(&self, entry: &Entry) -> bool {
        self.is_right_at(entry, (Instant::now(), self.0.clock.now()))
    }

    /// The same for whoever has looked at the clocks.
    fn is_right_at(&self, entry: &Entry, (instant, now): (Instant, OffsetDateTime)) -> bool {
        if !self.0.changes.is_sure(entry.position) {
            return false;
        }
        let during = entry.during.as_ref();
        // A clock that was put back makes it as old as one that went on.
        self.0.pulse.is_heard_at(instant) && during.is_none_or(|time| time.contains(&now))
    }

    /// The word that there is nothing, while it is believed, or where it was asked for since: any change may be the
    /// one that brings it.
    fn nothing(&self, question: &Question, started: Option<Instant>) -> Option<Absent> {
        let nothing = self.0.nothings.get(question)?;
        let is_right = (self.0.pulse.is_heard() || started.is_some_and(|at| nothing.asked >= at))
            && nothing.position == self.0.changes.position()
            && nothing.asked.elapsed() < NOTHING;
        is_right.then_some(nothing.why)
    }

    /// Asks the database, once for all who ask for the same. It waits for as long as is fitting.
    async fn ask(
        &self,
        question: &Question,
        memory_can_answer: bool,
    ) -> Result<Option<Cached>, StorageError> {
        let patience = if memory_can_answer { SHORT } else { LONG };
        let started = Instant::now();
        let asking = async {
            let turn = self.0.turns.of(question).lock_owned().await;
            // Whoever had it before may have asked the same: what was asked for after this is as good as an answer
            // of one's own, though the feed be silent.
            let known = self.known(question);
            let fresh = |known: &Arc<Entry>| known.asked >= started || self.is_right(known);
            if let Some(known) = known.filter(fresh) {
                return Ok(Some(self.known_answer(question, &known, false)));
            }
            if let Some(nothing) = self.nothing(question, Some(started)) {
                return nothing.into_answer();
            }
            // On its own: an answer that comes too late for this request is there for the next one.
            let asking = self.clone().refresh(question.clone(), turn);
            let span = debug_span!(target: STEPS, "ask the database");
            let flight = tokio::spawn(asking.instrument(span));
            flight.await.map_err(|_| StorageError::Interrupted)?
        };
        // Slow is not away: nobody else is told of it.
        let answer = timeout(patience, asking).await;
        answer.unwrap_or_else(|_| Err(StorageError::timed_out()))
    }

    async fn refresh(
        self,
        question: Question,
        _turn: OwnedMutexGuard<()>,
    ) -> Result<Option<Cached>, StorageError> {
        // Before the question, both: what is changed while it runs makes its answer old.
        let (position, asked) = (self.0.changes.position(), Instant::now());
        self.0.counts.queries.fetch_add(1, Ordering::Relaxed);
        let find = || {
            let (cache, question) = (self.clone(), question.clone());
            async move { cache.find(&question).await }
        };
        let finding = past_dead_connections(&self.0.pulse, find);
        let found = timeout(LONG, finding).await;
        let found = found.unwrap_or_else(|_| Err(StorageError::timed_out()));
        if let Err(StorageError::Unavailable(_)) = &found {
            self.0.pulse.note_failure();
        }
        let why = match found {
            Ok(Some(found)) => {
                let entry = self.finish(Arc::new(found), (position, asked));
                let answer = entry.answer.clone();
                self.0.nothings.invalidate(&question);
                self.0.entries.insert(question, Arc::new(entry));
                let stale = false;
                return Ok(Some(Cached { answer, stale }));
            }
            Ok(None) => Absent::Unknown,
            Err(error) => match Absent::of(&question, &error) {
                Some(why) => why,
                None => return Err(error),
            },
        };
        let nothing = Nothing {
            why: why.clone(),
            position,
            asked,
        };
        self.0.entries.invalidate(&question);
        self.0.nothings.insert(question, nothing);
        why.into_answer()
    }

    async fn find(&self, question: &Question) -> Result<Option<EntitlementAnswer>, StorageError> {
        let now = self.0.clock.now();
        match question {
            Question::Entitlement(id) => self.0.store.entitlement_answer(id, now).await,
            Question::Owner(owner) => self.0.store.owner_answer(owner, now).await.map(Some),
        }
    }

    fn finish(&self, found: Arc<EntitlementAnswer>, at: (u64, Instant)) -> Entry {
        let signer = self.0.signers.of(&found.owner);
        let anchors = self.0.anchors.current();
        Entry::new((found, signer), anchors, self.0.clock.now(), at)
    }

    /// What memory has; finished anew where the upstream CAs are others by now.
    fn known_answer(&self, question: &Question, known: &Entry, stale: bool) -> Cached {
        if stale {
            self.0.counts.stale.fetch_add(1, Ordering::Relaxed);
        }
        if self.0.anchors.is_current(&known.anchors) {
            let answer = known.answer.clone();
            return Cached { answer, stale };
        }
        let entry = self.finish(known.answer.found.clone(), (known.position, known.asked));
        let answer = entry.answer.clone();
        self.0.entries.insert(question.clone(), Arc::new(entry));
        Cached { answer, stale }
    }
}
