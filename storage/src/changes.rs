//! What this process knows of changes: of which owner's answers, and when. Whoever remembers an answer notes
//! the position before it asks; what has changed since makes the answer old.
//!
//! A change comes here from two sides: from this process's own commits, before they are acknowledged, and from
//! the feed, for other nodes' (`feed.rs`). Where the feed was down, nobody knows what has changed: then the database
//! is asked, and what is remembered is good enough only where that is away. Repeated or reordered word is
//! harmless: it only makes more of what is remembered old.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use portolan_domain::ids::OwnerKey;

/// Owners that are known by name at most; beyond it, everything counts as changed, and it begins anew.
const MOST_OWNERS: usize = 100_000;

/// What this process knows of changes; cheap to clone, and shared by all clones of a store.
#[derive(Debug, Clone, Default)]
pub struct Changes(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: AtomicU64,
    last_of_all: AtomicU64,
    last_unsure: AtomicU64,
    all_at: Mutex<Option<Instant>>,
    last: RwLock<HashMap<OwnerKey, Change>>,
    /// Numbers of this process's own changes that the feed has yet to come to (SQLite).
    own: Mutex<BTreeSet<i64>>,
}

#[derive(Debug, Clone, Copy)]
struct Change {
    position: u64,
    at: Instant,
}

impl Changes {
    /// How many changes there were. Taken before a question, it says what its answer knows of.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.0.count.load(Ordering::SeqCst)
    }

    /// Whether what was asked for at `position` is as new as the owner's last change.
    #[must_use]
    pub fn covers(&self, owner: &OwnerKey, position: u64) -> bool {
        let last = self.0.last.read().unwrap_or_else(PoisonError::into_inner);
        // With the owners in hand: where they were forgotten, everything has changed.
        self.covers_all(position)
            && last
                .get(owner)
                .is_none_or(|change| position >= change.position)
    }

    /// Whether nothing has happened since that may concern every owner.
    #[must_use]
    pub fn covers_all(&self, position: u64) -> bool {
        position >= self.0.last_of_all.load(Ordering::SeqCst)
    }

    /// Whether all changes since this position were heard. Where they were not, an answer of that position may be
    /// old, though nothing is known against it.
    #[must_use]
    pub fn is_sure(&self, position: u64) -> bool {
        position >= self.0.last_unsure.load(Ordering::SeqCst)
    }

    /// Whether the owner has changed in this time, or may have: then a replica may not know of it yet.
    #[must_use]
    pub fn changed_within(&self, owner: &OwnerKey, time: Duration) -> bool {
        let all = *self.0.all_at.lock().unwrap_or_else(PoisonError::into_inner);
        let last = self.0.last.read().unwrap_or_else(PoisonError::into_inner);
        let own = last.get(owner).map(|change| change.at);
        [all, own]
            .into_iter()
            .flatten()
            .any(|at| at.elapsed() < time)
    }

    /// An owner's answers have changed.
    pub fn owner_changed(&self, owner: &OwnerKey) {
        let mut last = self.0.last.write().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= MOST_OWNERS && !last.contains_key(owner) {
            last.clear();
            self.all_changed();
        }
        let change = Change {
            position: self.next(),
            at: Instant::now(),
        };
        last.insert(owner.clone(), change);
    }

    /// Anything may have changed.
    pub fn all_changed(&self) {
        self.note_all();
        let position = self.next();
        self.0.last_of_all.fetch_max(position, Ordering::SeqCst);
    }

    /// Changes may have been missed: a replica may not know of them yet, either.
    pub fn unsure(&self) {
        self.note_all();
        let position = self.next();
        self.0.last_unsure.fetch_max(position, Ordering::SeqCst);
    }

    /// This process made the change of this number itself (SQLite).
    pub(crate) fn made(&self, number: i64) {
        self.own().insert(number);
    }

    /// Whether this process made all changes behind `from` up to `to`. Those are forgotten then.
    pub(crate) fn made_all(&self, from: i64, to: i64) -> bool {
        let mut own = self.own();
        let all = (from + 1..=to).all(|number| own.contains(&number));
        if all {
            *own = own.split_off(&(to + 1));
        }
        all
    }

    /// Forgets which changes up to this one were its own.
    pub(crate) fn forget_made(&self, to: i64) {
        let mut own = self.own();
        *own = own.split_off(&(to + 1));
    }

    fn note_all(&self) {
        *self.0.all_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn own(&self) -> std::sync::MutexGuard<'_, BTreeSet<i64>> {
        self.0.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> u64 {
        self.0.count.fetch_add(1, Ordering::SeqCst) + 1
    }
}
