//! How many connections there are, in all and from one address.
//!
//! Where all are taken, new connections wait in the system's backlog: a burst of honest clients is
//! served a little later rather than refused, and slots become free within seconds, since silent
//! connections end. Where one address has taken its share, its next connection is closed at once:
//! waiting there would stand before everybody else's.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::{HttpConfig, TrustedProxies};

use crate::limits::address_key;

type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// The slots of all connections.
pub struct Slots {
    all: Arc<Semaphore>,
    per_address: usize,
    counts: Counts,
    exempt: TrustedProxies,
}

/// A place that no connection has yet.
pub struct FreeSlot(OwnedSemaphorePermit);

/// The place of one connection; given back when dropped.
pub struct Slot {
    _permit: OwnedSemaphorePermit,
    counted: Option<(Counts, IpAddr)>,
}

impl Slots {
    /// As many slots as are set and possible.
    pub fn new(http: &HttpConfig, possible: impl Fn(usize) -> usize) -> Self {
        let all = possible(http.limits.connections).min(Semaphore::MAX_PERMITS);
        let per_address = http.limits.connections_per_address;
        Self {
            all: Arc::new(Semaphore::new(all)),
            per_address: per_address.unwrap_or(all / 2).clamp(1, all),
            counts: Counts::default(),
            exempt: http.trusted_proxies.clone(),
        }
    }

    /// Waits for a free slot.
    pub async fn free(&self) -> FreeSlot {
        match self.all.clone().acquire_owned().await {
            Ok(permit) => FreeSlot(permit),
            // The semaphore is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// Gives the slot to a connection from this address; none where the address has its share.
    pub fn take(&self, free: FreeSlot, address: IpAddr) -> Option<Slot> {
        let mut slot = Slot {
            _permit: free.0,
            counted: None,
        };
        if self.exempt.contains(address) {
            return Some(slot);
        }
        let who = address_key(address);
        let mut counts = lock(&self.counts);
        let count = counts.entry(who).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        slot.counted = Some((self.counts.clone(), who));
        Some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some((counts, who)) = self.counted.take() else {
            return;
        };
        let mut counts = lock(&counts);
        if let Some(count) = counts.get_mut(&who) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&who);
            }
        }
    }
}

fn lock(counts: &Counts) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn take(slots: &Slots, address: &str) -> Option<Slot> {
        let free = slots.free().await;
        slots.take(free, address.parse().unwrap())
    }

    #[tokio::test]
    async fn one_address_gets_its_share_and_no_more() {
        let mut http = HttpConfig::default();
        http.limits.connections = 8;
        http.trusted_proxies = vec!["10.0.0.1".to_owned()].try_into().unwrap();
        let slots = Slots::new(&http, |wanted| wanted);
        let mut taken = Vec::new();
        for _ in 0..4 {
            taken.push(take(&slots, "192.0.2.1").await.unwrap());
        }
        assert!(take(&slots, "192.0.2.1").await.is_none());
        assert!(take(&slots, "::ffff:192.0.2.1").await.is_none());
        assert!(take(&slots, "192.0.2.2").await.is_some());
        drop(taken.pop());
        assert!(take(&slots, "192.0.2.1").await.is_some());
        for _ in 0..5 {
            taken.push(take(&slots, "10.0.0.1").await.unwrap());
        }
        assert_eq!(slots.all.available_permits(), 0);
        drop(taken);
        assert!(lock(&slots.counts).is_empty());
    }

    #[test]
    fn one_network_of_ipv6_is_one_address_key() {
        let of = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }
}
