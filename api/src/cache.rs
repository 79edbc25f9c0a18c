//! Finished answers of `cdn_info` and `upstream_cert`, by entitlement id.
//!
//! A first version: an answer is believed for half a second and then asked for again, so that
//! another node's change counts within a second; what this node changes makes the owner's answers (of
//! a CDN: all answers) old at once, and a change of the upstream CAs finishes them anew. While the database is away,
//! what is here goes on, marked `Warning: 110`.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::body::Bytes;
use moka::future::Cache;
use portolan_domain::{
    ids::{EntitlementId, OwnerKey},
    trust::TrustAnchors,
};
use portolan_storage::{EntitlementAnswer, StorageError, Store};

use crate::{
    anchors::AnchorStore,
    clock::Clock,
    patience::patiently,
    pulse::Pulse,
    signed_urls::OwnerSigner,
    view::{EdgeFacts, finish_answer},
};

/// How long an answer is believed without asking again.
const FRESH: Duration = Duration::from_millis(500);
/// How long an answer goes on while the database is away.
const STALE: Duration = Duration::from_hours(24);
/// Bytes of answers in memory at most.
const MOST_BYTES: u64 = 256 << 20;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// An entitlement of either kind.
    Entitlement(EntitlementId),
    /// An owner as a whole.
    Owner(OwnerKey),
}

/// An answer, ready to be sent.
pub struct Finished {
    /// Whose it is.
    pub owner: OwnerKey,
    /// Its entity tag.
    pub etag: String,
    /// `cdn_info`.
    pub json: Bytes,
    /// `upstream_cert`; none where the manifest had no certificate.
    pub text: Option<Bytes>,
    /// What signs URLs for the owner; none where nothing does.
    pub signer: Option<Arc<OwnerSigner>>,
    /// What an edge reads in headers.
    pub edge: EdgeFacts,
}

/// An answer, and whether it comes from memory because the database is away.
pub struct Cached {
    /// The answer.
    pub answer: Arc<Finished>,
    /// Whether it must be marked.
    pub stale: bool,
}

/// What was found, and the answer that was finished from it with these anchors.
struct Entry {
    found: EntitlementAnswer,
    answer: Arc<Finished>,
    anchors: Arc<TrustAnchors>,
    asked: Instant,
    change: u64,
}

/// Counts this node's changes, and knows the last one of each owner, and of all.
#[derive(Default)]
struct Changes {
    count: AtomicU64,
    last_of_all: AtomicU64,
    last: RwLock<HashMap<OwnerKey, u64>>,
}

/// The cache; cheap to clone.
#[derive(Clone)]
pub struct EntitlementCache {
    store: Store,
    anchors: AnchorStore,
    clock: Clock,
    pulse: Pulse,
    entries: Cache<Question, Arc<Entry>>,
    changes: Arc<Changes>,
}

impl Changes {
    fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    fn note(&self, owner: &OwnerKey) {
        let change = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        let mut last = self.last.write().unwrap_or_else(PoisonError::into_inner);
        last.insert(owner.clone(), change);
    }

    fn note_all(&self) {
        let change = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        self.last_of_all.fetch_max(change, Ordering::SeqCst);
    }

    /// Whether what was asked for after `change` is as new as the owner's last change.
    fn covers(&self, owner: &OwnerKey, change: u64) -> bool {
        if change < self.last_of_all.load(Ordering::SeqCst) {
            return false;
        }
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        last.get(owner).is_none_or(|last| change >= *last)
    }
}

impl EntitlementCache {
    /// An empty cache over a store.
    #[must_use]
    pub fn new(store: Store, anchors: AnchorStore, clock: Clock, pulse: Pulse) -> Self {
        let weight = |_: &Question, entry: &Arc<Entry>| {
            let bytes = entry.answer.json.len() + entry.answer.text.as_ref().map_or(0, Bytes::len);
            // The answer, what it was finished from, and the entry around them.
            u32::try_from(2 * bytes + 1024).unwrap_or(u32::MAX)
        };
        let entries = Cache::builder()
            .weigher(weight)
            .max_capacity(MOST_BYTES)
            .time_to_live(STALE)
            .build();
        Self {
            store,
            anchors,
            clock,
            pulse,
            entries,
            changes: Arc::default(),
        }
    }

    /// Makes an owner's answers old: called after every change, before it is acknowledged.
    pub fn changed(&self, owner: &OwnerKey) {
        self.changes.note(owner);
    }

    /// Makes all answers old: called after a change of what many owners share, likewise.
    pub fn changed_all(&self) {
        self.changes.note_all();
    }

    /// The answer to a question; none where the entitlement is unknown.
    ///
    /// # Errors
    /// [`StorageError::WithoutImport`]; [`StorageError::NotFound`] for an unknown owner; another, where
    /// the database failed and memory has nothing as new as it must be.
    pub async fn get(&self, question: &Question) -> Result<Option<Cached>, StorageError> {
        let known = self.entries.get(question).await;
        let known = known.filter(|k| self.changes.covers(&k.answer.owner, k.change));
        if let Some(known) = &known {
            let fresh = known.asked.elapsed() < FRESH;
            if fresh || self.pulse.is_away() {
                return Ok(Some(self.remembered(known, !fresh)));
            }
        }
        // Before the question: what is changed while it runs makes its answer old.
        let (change, asked) = (self.changes.count(), Instant::now());
        match (patiently(self.ask(question), known.is_some()).await, known) {
            (Ok(Some(found)), _) => {
                let anchors = self.anchors.current();
                let answer = Arc::new(finish_answer(&found, &anchors, self.clock.now()));
                let entry = Entry {
                    found,
                    answer: answer.clone(),
                    anchors,
                    asked,
                    change,
                };
                self.entries.insert(question.clone(), Arc::new(entry)).await;
                let stale = false;
                Ok(Some(Cached { answer, stale }))
            }
            (Ok(None), _) => {
                self.entries.invalidate(question).await;
                Ok(None)
            }
            (Err(error @ (StorageError::WithoutImport(_) | StorageError::NotFound { .. })), _) => {
                self.entries.invalidate(question).await;
                Err(error)
            }
            (Err(StorageError::Unavailable(error)), Some(known)) => {
                tracing::warn!(%error, ?question, "the database is away: answered from memory");
                Ok(Some(self.remembered(&known, true)))
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn ask(&self, question: &Question) -> Result<Option<EntitlementAnswer>, StorageError> {
        let now = self.clock.now();
        match question {
            Question::Entitlement(id) => self.store.entitlement_answer(id, now).await,
            Question::Owner(owner) => self.store.owner_answer(owner, now).await.map(Some),
        }
    }

    /// What memory has; finished anew where the upstream CAs are others by now.
    fn remembered(&self, known: &Entry, stale: bool) -> Cached {
        let anchors = self.anchors.current();
        let answer = if Arc::ptr_eq(&anchors, &known.anchors) {
            known.answer.clone()
        } else {
            Arc::new(finish_answer(&known.found, &anchors, self.clock.now()))
        };
        Cached { answer, stale }
    }
}
