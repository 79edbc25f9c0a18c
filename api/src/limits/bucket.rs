//! Token buckets, one for each key: a number of attempts at once, and then so many a second. Kept as
//! the instant at which a bucket is full again (the "generic cell rate algorithm"), which needs
//! neither fractions nor a task that refills.

use std::{
    hash::Hash,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use moka::{policy::EvictionPolicy, sync::Cache};

const DAY: Duration = Duration::from_hours(24);

/// Buckets by key. A key that was not seen has a full one.
///
/// Where there are more keys than are kept, the one that was not used for the longest time is
/// forgotten, so that nobody is locked out by others' number.
#[derive(Clone)]
pub struct TokenBuckets<K> {
    buckets: Cache<K, Arc<Mutex<Instant>>>,
    /// The time in which one token comes back.
    interval: Duration,
    /// The time in which an empty bucket is full again.
    full: Duration,
}

impl<K: Hash + Eq + Send + Sync + 'static> TokenBuckets<K> {
    /// Buckets of `capacity` tokens, into which one comes back in each `interval` (a day at most), for
    /// `most_keys` keys.
    #[must_use]
    pub fn new(capacity: NonZeroU32, interval: Duration, most_keys: u64) -> Self {
        // No instant can then be too late to be told.
        let interval = interval.min(DAY);
        let full = interval.saturating_mul(capacity.get());
        let buckets = Cache::builder()
            .max_capacity(most_keys)
            // By default a key that is new could be refused a place, and then had a full bucket forever.
            .eviction_policy(EvictionPolicy::lru())
            // Then it is full, as if it had never been. The library refuses a thousand years and more.
            .time_to_idle(full.clamp(Duration::from_secs(1), 365 * DAY))
            .build();
        Self {
            buckets,
            interval,
            full,
        }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// When there will be one, where there is none.
    pub fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let bucket = self.buckets.get_with(key, || Arc::new(Mutex::new(now)));
        let mut full_at = lock(&bucket);
        match self.wait(*full_at, now) {
            None => {
                *full_at = (*full_at).max(now) + self.interval;
                Ok(())
            }
            Some(wait) => Err(wait),
        }
    }

    /// Looks whether there is a token, and leaves it there.
    ///
    /// # Errors
    /// When there will be one, where there is none.
    pub fn look(&self, key: &K, now: Instant) -> Result<(), Duration> {
        let bucket = self.buckets.get(key);
        let wait = bucket.and_then(|bucket| self.wait(*lock(&bucket), now));
        wait.map_or(Ok(()), Err)
    }

    /// Puts a token back: who succeeds now and then is not locked out by others behind the same key.
    pub fn give_back(&self, key: &K, now: Instant) {
        if let Some(bucket) = self.buckets.get(key) {
            let mut full_at = lock(&bucket);
            *full_at = full_at.checked_sub(self.interval).unwrap_or(now);
        }
    }

    /// How long until a whole token is there.
    fn wait(&self, full_at: Instant, now: Instant) -> Option<Duration> {
        let missing = full_at.saturating_duration_since(now) + self.interval;
        missing
            .checked_sub(self.full)
            .filter(|wait| !wait.is_zero())
    }
}

fn lock(bucket: &Mutex<Instant>) -> MutexGuard<'_, Instant> {
    bucket.lock().unwrap_or_else(PoisonError::into_inner)
}
