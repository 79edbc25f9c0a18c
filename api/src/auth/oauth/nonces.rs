//! Remembers the signed requests of the window, so that none counts twice (RFC 5849, 3.3). What does
//! not fit is refused, never forgotten: forgetting is what a replay needs.
//!
//! Each node remembers by itself, and from its start on.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use openssl::sha::Sha256;
use time::OffsetDateTime;

use super::{
    error::OAuthError,
    request::{Verified, WINDOW, is_outside},
};

/// Requests that are remembered at most. One takes 16 bytes of digest, in a table that may be half
/// empty: 40 MB in all.
const MOST: usize = 1_000_000;

/// The start of a SHA-256: collisions can be made of 2^64 tries, and would only refuse their maker.
type Digest = [u8; 16];

/// The nonces of the window; shared by all requests.
pub struct Nonces {
    most: usize,
    seen: Mutex<Seen>,
}

struct Seen {
    /// By timestamp, since a second leaves the window as a whole.
    seconds: BTreeMap<i64, Second>,
    count: usize,
    by_consumer: HashMap<Digest, usize>,
    /// The newest second that was dropped: nothing up to it can be told from a replay, even where the
    /// clock is set back.
    dropped: i64,
}

#[derive(Default)]
struct Second {
    nonces: HashSet<Digest>,
    by_consumer: HashMap<Digest, usize>,
}

impl Default for Nonces {
    fn default() -> Self {
        Self::new(MOST)
    }
}

impl Nonces {
    /// Remembers `most` requests, and of one consumer half as many: one alone cannot lock the others out.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let seen = Seen {
            seconds: BTreeMap::new(),
            count: 0,
            by_consumer: HashMap::new(),
            dropped: i64::MIN,
        };
        let seen = Mutex::new(seen);
        Self { most, seen }
    }

    /// Remembers a request that was not here before.
    ///
    /// # Errors
    /// [`OAuthError::Replayed`]; [`OAuthError::Timestamp`] where the window went on meanwhile;
    /// [`OAuthError::ConsumerFull`] and [`OAuthError::Full`] where there is no room.
    pub fn remember(&self, request: Verified<'_>, now: OffsetDateTime) -> Result<(), OAuthError> {
        let consumer = digest(&[request.consumer_key().as_bytes()]);
        let nonce = digest(&[&consumer, request.nonce().as_bytes()]);
        let (second, now) = (request.timestamp(), now.unix_timestamp());

        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.drop_until(now);
        if is_outside(second, now) || second <= seen.dropped {
            return Err(OAuthError::Timestamp { now });
        }
        if seen.has(second, &nonce) {
            return Err(OAuthError::Replayed);
        }
        if seen.count >= self.most {
            let retry_after = seen.room_after(now, |_| true);
            return Err(OAuthError::Full { retry_after });
        }
        if seen.count_of(&consumer) >= (self.most / 2).max(1) {
            let retry_after = seen.room_after(now, |s| s.by_consumer.contains_key(&consumer));
            return Err(OAuthError::ConsumerFull { retry_after });
        }
        seen.add(second, consumer, nonce);
        Ok(())
    }
}

impl Seen {
    /// Drops what is out of the window.
    fn drop_until(&mut self, now: i64) {
        while let Some(oldest) = self.seconds.first_entry()
            && *oldest.key() < now.saturating_sub(WINDOW)
        {
            let (at, second) = oldest.remove_entry();
            self.dropped = self.dropped.max(at);
            self.count -= second.nonces.len();
            for (consumer, fewer) in second.by_consumer {
                let left = self.count_of(&consumer).saturating_sub(fewer);
                match left {
                    0 => self.by_consumer.remove(&consumer),
                    _ => self.by_consumer.insert(consumer, left),
                };
            }
        }
    }

    fn has(&self, second: i64, nonce: &Digest) -> bool {
        let second = self.seconds.get(&second);
        second.is_some_and(|second| second.nonces.contains(nonce))
    }

    fn count_of(&self, consumer: &Digest) -> usize {
        self.by_consumer.get(consumer).copied().unwrap_or_default()
    }

    fn add(&mut self, second: i64, consumer: Digest, nonce: Digest) {
        let second = self.seconds.entry(second).or_default();
        second.nonces.insert(nonce);
        *second.by_consumer.entry(consumer).or_default() += 1;
        *self.by_consumer.entry(consumer).or_default() += 1;
        self.count += 1;
    }

    /// When the oldest of these seconds leaves the window.
    fn room_after(&self, now: i64, which: impl Fn(&Second) -> bool) -> Duration {
        let oldest = self.seconds.iter().find(|(_, second)| which(second));
        let end = oldest.map_or(now, |(at, _)| at.saturating_add(WINDOW + 1));
        Duration::from_secs(end.abs_diff(now))
    }
}

fn digest(parts: &[&[u8]]) -> Digest {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    let mut start = Digest::default();
    start.copy_from_slice(&hasher.finish()[..16]);
    start
}
