//! How often somebody may try: wrong credentials by address, requests by principal.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::{
    config::AccessConfig,
    limits::{TokenBuckets, address_key},
};

/// Addresses that are remembered at most.
const MOST_ADDRESSES: u64 = 100_000;
/// In which time an address may ask for one more credential that this node does not know.
const LOOKUP_AGAIN: Duration = Duration::from_millis(20);
/// How many of them at once.
const fn lookups() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(199)
}
/// Principals that are remembered at most.
const MOST_PRINCIPALS: u64 = 10_000;

/// The limits by address and by principal; cheap to clone.
#[derive(Clone)]
pub struct Gate {
    guesses: TokenBuckets<IpAddr>,
    lookups: TokenBuckets<IpAddr>,
    writes: TokenBuckets<Uuid>,
    requests: Option<TokenBuckets<Uuid>>,
}

impl Gate {
    /// The limits as they are set.
    #[must_use]
    pub fn new(config: &AccessConfig) -> Self {
        let requests = NonZeroU32::new(config.requests_per_second).map(|number| {
            let interval = Duration::from_secs(1) / number.get();
            TokenBuckets::new(number, interval, MOST_PRINCIPALS)
        });
        Self {
            guesses: TokenBuckets::new(
                config.failed_credentials,
                config.forgiven_after(),
                MOST_ADDRESSES,
            ),
            lookups: TokenBuckets::new(lookups(), LOOKUP_AGAIN, MOST_ADDRESSES),
            writes: TokenBuckets::new(config.writes, config.write_after(), MOST_PRINCIPALS),
            requests,
        }
    }

    /// Whether this address may try at all: what can be guessed is not even looked at beyond its attempts.
    ///
    /// # Errors
    /// For how long it must wait, where there were too many wrong ones.
    pub fn may_try(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.guesses.look(&address_key(address), now)
    }

    /// A wrong credential came from this address.
    ///
    /// # Errors
    /// For how long it must wait, where there were too many.
    pub fn failed(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.guesses.take(address_key(address), now)
    }

    /// A right one came: an address that many share is not locked out by one of them.
    pub fn succeeded(&self, address: IpAddr, now: Instant) {
        self.guesses.give_back(&address_key(address), now);
    }

    /// The database is to be asked for something that this address shows and this node does not know.
    /// Apart from the guesses: what is no key at all is never looked up, so that a flood of it leaves
    /// room for the keys that this node has not seen yet.
    ///
    /// # Errors
    /// For how long it must wait, where there were too many.
    pub fn look_up(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.lookups.take(address_key(address), now)
    }

    /// Lets a principal's request pass.
    ///
    /// # Errors
    /// For how long it must wait.
    pub fn pass(&self, principal: Uuid, is_write: bool, now: Instant) -> Result<(), Duration> {
        if let Some(requests) = &self.requests {
            requests.take(principal, now)?;
        }
        if is_write {
            self.writes.take(principal, now)?;
        }
        Ok(())
    }
}
