//! How often whom's private keys were read by whom, in the minute that runs: counted for every content request,
//! so that it costs no allocation and no wait for anybody else.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use portolan_domain::ids::OwnerKey;
use portolan_storage::PrincipalKind;
use time::OffsetDateTime;

use super::counts::minute_of;

/// Principals and owners that are counted here at most; what is over it takes the slower way.
const MOST: usize = 10_000;

/// Counts by principal and owner.
#[derive(Default)]
pub struct Reads(RwLock<Minute>);

#[derive(Default)]
struct Minute {
    number: i64,
    counts: HashMap<PrincipalKind, HashMap<String, HashMap<OwnerKey, AtomicU64>>>,
    size: usize,
}

/// What was counted of one principal and one owner.
pub struct ReadCount {
    pub kind: PrincipalKind,
    pub principal: String,
    pub owner: OwnerKey,
    pub minute: i64,
    pub count: u64,
}

impl Reads {
    /// One more, where this principal has read from this owner in this minute before; else false.
    pub fn again(
        &self,
        (kind, principal): (PrincipalKind, &str),
        owner: &OwnerKey,
        at: OffsetDateTime,
    ) -> bool {
        let minute = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if minute.number != minute_of(at) {
            return false;
        }
        let count = minute.counts.get(&kind).and_then(|of| of.get(principal));
        let Some(count) = count.and_then(|of| of.get(owner)) else {
            return false;
        };
        count.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// The first of this principal and owner in this minute. Answers what earlier minutes had; and whether it
    /// found room.
    pub fn first(
        &self,
        (kind, principal): (PrincipalKind, &str),
        owner: &OwnerKey,
        at: OffsetDateTime,
    ) -> (Vec<ReadCount>, bool) {
        let mut minute = self.write();
        let mut over = Vec::new();
        if minute.number != minute_of(at) {
            over = minute.take();
            minute.number = minute_of(at);
        }
        if minute.size >= MOST {
            return (over, false);
        }
        let of_kind = minute.counts.entry(kind).or_default();
        let of_principal = of_kind.entry(principal.to_owned()).or_default();
        let before = of_principal.len();
        let count = of_principal.entry(owner.clone()).or_default();
        count.fetch_add(1, Ordering::Relaxed);
        minute.size += of_principal.len() - before;
        (over, true)
    }

    /// Takes what was counted, where its minute is over.
    pub fn finished(&self, now: OffsetDateTime) -> Vec<ReadCount> {
        let mut minute = self.write();
        if minute.number == minute_of(now) {
            return Vec::new();
        }
        minute.take()
    }

    /// Takes everything.
    pub fn all(&self) -> Vec<ReadCount> {
        self.write().take()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Minute> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Minute {
    fn take(&mut self) -> Vec<ReadCount> {
        self.size = 0;
        let number = self.number;
        let mut taken = Vec::new();
        for (kind, principals) in std::mem::take(&mut self.counts) {
            for (principal, owners) in principals {
                taken.extend(owners.into_iter().map(|(owner, count)| ReadCount {
                    kind,
                    principal: principal.clone(),
                    owner,
                    minute: number,
                    count: count.into_inner(),
                }));
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-11-27 12:00 UTC);

    #[test]
    fn reads_are_counted_by_minute_principal_and_owner() {
        let reads = Reads::default();
        let (acme, other): (OwnerKey, OwnerKey) =
            ("acme".parse().unwrap(), "other".parse().unwrap());
        let edge = (PrincipalKind::ApiKey, "edge");
        assert!(!reads.again(edge, &acme, NOON), "nothing was counted yet");
        assert!(reads.first(edge, &acme, NOON).1);
        assert!(reads.again(edge, &acme, NOON + Duration::seconds(59)));
        assert!(!reads.again(edge, &other, NOON));
        assert!(!reads.again((PrincipalKind::OAuth, "edge"), &acme, NOON));
        assert!(reads.finished(NOON).is_empty(), "the minute runs");
        let next = NOON + Duration::seconds(60);
        assert!(!reads.again(edge, &acme, next));
        let (over, _) = reads.first(edge, &acme, next);
        let told: Vec<_> = over.iter().map(|r| (r.minute, r.count)).collect();
        assert_eq!(told, [(minute_of(NOON), 2)]);
        assert_eq!(reads.all().len(), 1);
        assert!(reads.all().is_empty());
    }
}
