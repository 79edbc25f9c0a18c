//! The credentials this node has seen. While the database's pulse beats, memory is right: a change of
//! any credential makes all of it old at once, and each is then asked for anew, once for all who wait.
//! While the database is away, what was known goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::sync::Cache;
use portolan_storage::{Credential, CredentialKind, Lookup, SharedSecret, StorageError, Store};
use time::OffsetDateTime;
use tokio::{sync::OwnedMutexGuard, time::timeout};
use uuid::Uuid;

use crate::{
    patience::{LONG, SHORT, past_dead_connections, patiently},
    pulse::Pulse,
    turns::Turns,
};

/// Credentials in memory at most.
const MOST: u64 = 10_000;
/// Questions at once: enough that one credential hardly ever waits for another.
const QUESTIONS: usize = 64;

/// Knows credentials by what callers show; cheap to clone.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    store: Store,
    pulse: Pulse,
    /// For how long credentials go on while the database is away.
    stale_if_error: Duration,
    memory: Cache<Lookup, Arc<Entry>>,
    /// When asking for it failed: whoever waited for that question fails with it.
    failed: Cache<Lookup, Instant>,
    questions: Turns,
}

/// What the database said.
struct Entry {
    found: Option<Arc<Known>>,
    generation: Option<i64>,
    /// What was known of changes: a database that was put back may come to the same generation in another way.
    position: u64,
    asked: Instant,
}

/// A credential in memory.
pub struct Known {
    /// What it may do.
    pub credential: Credential,
    /// An OAuth consumer's secret.
    pub secret: Option<SharedSecret>,
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

type Found = Option<Arc<Known>>;

impl Keyring {
    /// An empty keyring over a store.
    #[must_use]
    pub fn new(store: Store, pulse: Pulse, stale_if_error: Duration) -> Self {
        Self(Arc::new(Inner {
            store,
            pulse,
            stale_if_error,
            memory: Cache::new(MOST),
            failed: Cache::new(MOST),
            questions: Turns::new(QUESTIONS),
        }))
    }

    /// Whether memory knows what this finds, so that asking is cheap.
    #[must_use]
    pub fn knows(&self, lookup: &Lookup) -> bool {
        self.0.memory.contains_key(lookup)
    }

    /// The credential that this finds, where memory knows it and is right; costs no query, and no wait.
    #[must_use]
    pub fn remembered(&self, lookup: &Lookup, now: Instant) -> Option<Arc<Known>> {
        let generation = self.0.pulse.generation_at(now)?;
        let entry = self.0.memory.get(lookup)?;
        let is_right = self.is_right(&entry, Some(generation));
        entry.found.clone().filter(|_| is_right)
    }

    /// The credential that this finds; none where there is none.
    ///
    /// # Errors
    /// Where the database failed and memory has nothing that may go on.
    pub async fn find(&self, lookup: Lookup) -> Result<Found, StorageError> {
        let entry = self.0.memory.get(&lookup);
        let generation = self.0.pulse.generation();
        if let Some(entry) = &entry
            && self.is_right(entry, generation)
        {
            return Ok(entry.found.clone());
        }
        if let Some(entry) = &entry
            && self.0.pulse.is_away()
            && self.may_be_stale()
        {
            return Ok(entry.found.clone());
        }
        // Slow is not away: while the pulse beats, an old answer might be that of a revoked credential.
        let away = generation.is_none() && self.may_be_stale();
        match (entry.filter(|_| away), self.ask(lookup, away).await) {
            (Some(entry), Err(StorageError::Unavailable(_))) => Ok(entry.found.clone()),
            (_, answer) => answer,
        }
    }

    /// Whether nothing has changed since the database said it.
    fn is_right(&self, entry: &Entry, generation: Option<i64>) -> bool {
        generation.is_some()
            && entry.generation == generation
            && self.0.store.changes().is_sure(entry.position)
    }

    /// Whether the database has not been away for too long.
    fn may_be_stale(&self) -> bool {
        let silent = self.0.pulse.silent_for();
        silent.is_none_or(|silent| silent < self.0.stale_if_error)
    }

    /// Asks the database, once for all who ask for the same.
    async fn ask(&self, lookup: Lookup, away: bool) -> Result<Found, StorageError> {
        let started = Instant::now();
        let known = self.knows(&lookup);
        let question = self.0.questions.of(&lookup);
        let turn = if away && known {
            // Somebody asks already, and memory can answer meanwhile.
            question.try_lock_owned().ok()
        } else {
            timeout(LONG, question.lock_owned()).await.ok()
        };
        let turn = turn.ok_or_else(StorageError::timed_out)?;
        if let Some(entry) = self.0.memory.get(&lookup).filter(|e| e.asked >= started) {
            return Ok(entry.found.clone());
        }
        if self.0.failed.get(&lookup).is_some_and(|at| at >= started) {
            return Err(StorageError::timed_out());
        }
        let patience = if away && known { SHORT } else { LONG };
        // On its own: an answer that comes too late for this request is there for the next one.
        let flight = tokio::spawn(self.clone().refresh(lookup, turn));
        match timeout(patience, flight).await {
            Ok(Ok(answer)) => answer,
            // Slow is not away: nobody else is told of it.
            _ => Err(StorageError::timed_out()),
        }
    }

    async fn refresh(
        self,
        lookup: Lookup,
        _turn: OwnedMutexGuard<()>,
    ) -> Result<Found, StorageError> {
        // Before the question, both: what changes while it runs makes its answer old.
        let (generation, asked) = (self.0.pulse.generation(), Instant::now());
        let position = self.0.store.changes().position();
        let before = self.0.memory.get(&lookup);
        let find = || {
            let store = self.0.store.clone();
            async move { store.credential(lookup).await }
        };
        let finding = past_dead_connections(&self.0.pulse, find);
        match patiently(finding, false).await {
            Ok(answer) => {
                let found = answer.map(|(credential, secret)| {
                    let before = before.and_then(|entry| entry.found.clone());
                    let uses = before.map(|known| known.uses.clone()).unwrap_or_default();
                    Arc::new(Known {
                        credential,
                        secret,
                        uses,
                    })
                });
                // Of what is not there, only a certificate's fingerprint is remembered: it is asked for
                // with each request whose certificate counts by its subject.
                if found.is_some() || lookup.kind == CredentialKind::Certificate {
                    let entry = Entry {
                        found: found.clone(),
                        generation,
                        position,
                        asked,
                    };
                    self.0.memory.insert(lookup, Arc::new(entry));
                } else {
                    self.0.memory.invalidate(&lookup);
                }
                Ok(found)
            }
            Err(error) => {
                self.0.failed.insert(lookup, Instant::now());
                self.0.pulse.note_failure();
                Err(error)
            }
        }
    }

    /// Notes in the database when credentials were last used: once a minute, never per request.
    ///
    /// # Errors
    /// Where the database fails; the next time brings it.
    pub async fn note_uses(&self) -> Result<(), StorageError> {
        let mut news: Vec<(Uuid, i64, Arc<Uses>)> = Vec::new();
        for (_, entry) in &self.0.memory {
            let Some(known) = &entry.found else { continue };
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
        self.0.store.note_uses(&rows).await?;
        for (_, last, uses) in news {
            uses.noted.fetch_max(last, Ordering::Relaxed);
        }
        Ok(())
    }
}
