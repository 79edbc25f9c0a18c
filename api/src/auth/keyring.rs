//! The credentials this node has seen. One is asked for again after half a second, so that a
//! revocation counts within a second everywhere; while the database is away, what was known goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::sync::Cache;
use portolan_storage::{Credential, Lookup, SharedSecret, StorageError, Store};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::patience::patiently;

/// How long a credential is believed without asking again.
const FRESH: Duration = Duration::from_millis(500);
/// How long a credential goes on while the database is away.
const STALE: Duration = Duration::from_hours(24);
/// Credentials in memory at most.
const MOST: u64 = 10_000;

/// Knows credentials by what callers show; cheap to clone.
#[derive(Clone)]
pub struct Keyring {
    store: Store,
    known: Cache<Lookup, Arc<Known>>,
}

/// A credential in memory.
pub struct Known {
    /// What it may do.
    pub credential: Credential,
    /// An OAuth consumer's secret.
    pub secret: Option<SharedSecret>,
    asked: Instant,
    uses: Arc<Uses>,
}

/// When it was used, in seconds since 1970, and up to when that is in the database.
#[derive(Default)]
struct Uses {
    last: AtomicI64,
    noted: AtomicI64,
}

impl Known {
    /// It was used.
    pub fn used(&self, now: OffsetDateTime) {
        self.uses
            .last
            .fetch_max(now.unix_timestamp(), Ordering::Relaxed);
    }
}

impl Keyring {
    /// An empty keyring over a store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        let known = Cache::builder()
            .max_capacity(MOST)
            .time_to_live(STALE)
            .build();
        Self { store, known }
    }

    /// Whether memory knows it, so that asking is cheap.
    #[must_use]
    pub fn knows(&self, lookup: &Lookup) -> bool {
        self.known.contains_key(lookup)
    }

    /// The credential that this finds; none where there is none.
    ///
    /// # Errors
    /// Where the database failed and memory has nothing.
    pub async fn find(&self, lookup: Lookup) -> Result<Option<Arc<Known>>, StorageError> {
        let known = self.known.get(&lookup);
        if let Some(known) = known.as_ref().filter(|known| known.asked.elapsed() < FRESH) {
            return Ok(Some(known.clone()));
        }
        // Before the question, so that an answer is never taken for newer than it is.
        let asked = Instant::now();
        let question = self.store.credential(lookup);
        match (patiently(question, known.is_some()).await, known) {
            (Ok(Some((credential, secret))), known) => {
                let uses = known.map(|known| known.uses.clone()).unwrap_or_default();
                let remembered = Arc::new(Known {
                    credential,
                    secret,
                    asked,
                    uses,
                });
                self.known.insert(lookup, remembered.clone());
                Ok(Some(remembered))
            }
            (Ok(None), _) => {
                self.known.invalidate(&lookup);
                Ok(None)
            }
            (Err(StorageError::Unavailable(_)), Some(known)) => Ok(Some(known)),
            (Err(error), _) => Err(error),
        }
    }

    /// Notes in the database when credentials were last used: once a minute, never per request.
    ///
    /// # Errors
    /// Where the database fails; the next time brings it.
    pub async fn note_uses(&self) -> Result<(), StorageError> {
        let mut news: Vec<(Uuid, i64, Arc<Uses>)> = Vec::new();
        for (_, known) in &self.known {
            let last = known.uses.last.load(Ordering::Relaxed);
            if last > known.uses.noted.load(Ordering::Relaxed) {
                news.push((known.credential.id, last, known.uses.clone()));
            }
        }
        if news.is_empty() {
            return Ok(());
        }
        let instant = |seconds| OffsetDateTime::from_unix_timestamp(seconds).ok();
        let rows: Vec<_> = news
            .iter()
            .filter_map(|(id, last, _)| Some((*id, instant(*last)?)))
            .collect();
        self.store.note_uses(&rows).await?;
        for (_, last, uses) in news {
            uses.noted.fetch_max(last, Ordering::Relaxed);
        }
        Ok(())
    }
}
