//! Finished answers of `cdn_info` and `upstream_cert`, by entitlement id.
//!
//! A first version: an answer is believed for half a second and then asked for again, so that
//! another node's import counts within a second, and whatever this node changes makes all answers
//! old at once. While the database is away, what is here goes on, marked `Warning: 110`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::body::Bytes;
use moka::future::Cache;
use portolan_domain::ids::{EntitlementId, OwnerKey};
use portolan_storage::{StorageError, Store};

use crate::{anchors::AnchorStore, clock::Clock, patience::patiently, view::finish_answer};

/// How long an answer is believed without asking again.
const FRESH: Duration = Duration::from_millis(500);
/// How long an answer goes on while the database is away.
const STALE: Duration = Duration::from_hours(24);
/// Bytes of answers in memory at most.
const MOST_BYTES: u64 = 256 << 20;

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
}

/// An answer, and whether it comes from memory because the database is away.
pub struct Cached {
    /// The answer.
    pub answer: Arc<Finished>,
    /// Whether it must be marked.
    pub stale: bool,
}

struct Entry {
    answer: Arc<Finished>,
    asked: Instant,
    generation: u64,
}

/// The cache; cheap to clone.
#[derive(Clone)]
pub struct EntitlementCache {
    store: Store,
    anchors: AnchorStore,
    clock: Clock,
    entries: Cache<EntitlementId, Arc<Entry>>,
    generation: Arc<AtomicU64>,
}

impl EntitlementCache {
    /// An empty cache over a store.
    #[must_use]
    pub fn new(store: Store, anchors: AnchorStore, clock: Clock) -> Self {
        let weight = |_: &EntitlementId, entry: &Arc<Entry>| {
            let bytes = entry.answer.json.len() + entry.answer.text.as_ref().map_or(0, Bytes::len);
            u32::try_from(bytes + 512).unwrap_or(u32::MAX)
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
            entries,
            generation: Arc::default(),
        }
    }

    /// Makes all answers old: called after every change, before it is acknowledged.
    pub fn changed(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// The answer for an entitlement; none where it is unknown.
    ///
    /// # Errors
    /// [`StorageError`], where the database failed and memory has nothing as new as it must be.
    pub async fn get(&self, id: &EntitlementId) -> Result<Option<Cached>, StorageError> {
        // Before the question: what is changed while it runs makes its answer old.
        let generation = self.generation.load(Ordering::SeqCst);
        let known = self
            .entries
            .get(id)
            .await
            .filter(|entry| entry.generation == generation);
        if let Some(known) = known.as_ref().filter(|entry| entry.asked.elapsed() < FRESH) {
            return Ok(Some(fresh(&known.answer)));
        }
        let asked = Instant::now();
        let question = self.store.entitlement_answer(id);
        match (patiently(question, known.is_some()).await, known) {
            (Ok(Some(found)), _) => {
                let now = self.clock.now();
                let answer = Arc::new(finish_answer(found, &self.anchors.current(), now));
                let entry = Entry {
                    answer: answer.clone(),
                    asked,
                    generation,
                };
                self.entries.insert(id.clone(), Arc::new(entry)).await;
                Ok(Some(fresh(&answer)))
            }
            (Ok(None), _) => {
                self.entries.invalidate(id).await;
                Ok(None)
            }
            (Err(StorageError::Unavailable(_)), Some(known)) => Ok(Some(Cached {
                answer: known.answer.clone(),
                stale: true,
            })),
            (Err(error), _) => Err(error),
        }
    }
}

fn fresh(answer: &Arc<Finished>) -> Cached {
    Cached {
        answer: answer.clone(),
        stale: false,
    }
}
