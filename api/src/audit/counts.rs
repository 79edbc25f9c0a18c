//! Counts by principal, owner and minute, of what happens too often for a row each.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
};

use portolan_domain::ids::OwnerKey;
use portolan_storage::{Actor, Event, Outcome, PrincipalKind};
use time::{Duration, OffsetDateTime};

use super::reads::ReadCount;

/// Different things that are counted at most; what is over it is counted without its particulars.
const MOST: usize = 50_000;
/// Addresses of strangers in a minute that are told apart.
const MOST_STRANGERS: usize = 100;

/// A private key was read.
pub(super) const KEY_READ: &str = "key-material.read";

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Counted {
    kind: PrincipalKind,
    principal: String,
    action: &'static str,
    owner: Option<OwnerKey>,
    address: Option<IpAddr>,
    refused: bool,
}

impl Counted {
    /// Somebody reads a private key of this owner's.
    pub fn key_read((kind, principal): (PrincipalKind, &str), owner: &OwnerKey) -> Self {
        Self {
            kind,
            principal: principal.to_owned(),
            action: KEY_READ,
            owner: Some(owner.clone()),
            address: None,
            refused: false,
        }
    }

    /// What this actor does.
    pub fn of(by: &Actor, action: &'static str, outcome: Outcome) -> Self {
        Self {
            kind: by.kind,
            principal: by.name.clone(),
            action,
            owner: None,
            address: None,
            refused: outcome != Outcome::Success,
        }
    }

    /// Whose data it touches.
    pub fn of_owner(mut self, owner: &OwnerKey) -> Self {
        self.owner = Some(owner.clone());
        self
    }

    /// Where it comes from, where nothing else is known.
    pub fn from(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }

    fn without_particulars(mut self) -> Self {
        self.owner = None;
        self.address = None;
        self
    }

    fn event(self, minute: i64, count: u64) -> Event {
        let at = OffsetDateTime::UNIX_EPOCH + Duration::minutes(minute);
        let actor = Actor {
            kind: self.kind,
            name: self.principal,
            address: self.address,
            request_id: None,
            at,
        };
        let outcome = if self.refused {
            Outcome::Refused
        } else {
            Outcome::Success
        };
        let mut event = actor.did(self.action).times(count).ended(outcome);
        event.owner = self.owner;
        event.detail("in the minute from then on")
    }
}

/// The counts of the minutes that were not collected yet.
#[derive(Default)]
pub struct Counts {
    minutes: BTreeMap<i64, HashMap<Counted, u64>>,
    /// Addresses from which nobody known came, in the newest minute.
    strangers: (i64, HashSet<IpAddr>),
    /// Refusals of the newest minute, rows and counts alike.
    refusals: (i64, HashMap<Counted, u64>),
}

impl Counts {
    /// One more.
    pub fn add(&mut self, what: Counted, at: OffsetDateTime) {
        let minute = minute_of(at);
        let what = match what.address {
            Some(address) if !self.takes(minute, address) => what.without_particulars(),
            _ => what,
        };
        let full = self.minutes.values().map(HashMap::len).sum::<usize>() >= MOST;
        let counts = self.minutes.entry(minute).or_default();
        if let Some(count) = counts.get_mut(&what) {
            *count += 1;
        } else if full {
            *counts.entry(what.without_particulars()).or_default() += 1;
        } else {
            counts.insert(what, 1);
        }
    }

    /// Whether a stranger's address still gets a count of its own: anybody can come from many.
    fn takes(&mut self, minute: i64, address: IpAddr) -> bool {
        if self.strangers.0 != minute {
            self.strangers = (minute, HashSet::new());
        }
        let addresses = &mut self.strangers.1;
        addresses.contains(&address)
            || (addresses.len() < MOST_STRANGERS && addresses.insert(address))
    }

    /// So many reads of private keys more, of minutes that may be over.
    pub fn add_reads(&mut self, reads: Vec<ReadCount>) {
        for read in reads {
            let what = Counted {
                kind: read.kind,
                principal: read.principal,
                action: KEY_READ,
                owner: Some(read.owner),
                address: None,
                refused: false,
            };
            let full = self.minutes.values().map(HashMap::len).sum::<usize>() >= MOST;
            let counts = self.minutes.entry(read.minute).or_default();
            let what = if full && !counts.contains_key(&what) {
                what.without_particulars()
            } else {
                what
            };
            *counts.entry(what).or_default() += read.count;
        }
    }

    /// Counts a refusal, and says how many its principal has had this minute.
    pub fn refusals(&mut self, what: &Counted, at: OffsetDateTime) -> u64 {
        let minute = minute_of(at);
        if self.refusals.0 != minute {
            self.refusals = (minute, HashMap::new());
        }
        let count = self.refusals.1.entry(what.clone()).or_default();
        *count += 1;
        *count
    }

    /// Takes what was counted in minutes that are over.
    pub fn finished(&mut self, now: OffsetDateTime) -> Vec<Event> {
        let running = self.minutes.split_off(&minute_of(now));
        events(std::mem::replace(&mut self.minutes, running))
    }

    /// Takes everything.
    pub fn all(&mut self) -> Vec<Event> {
        events(std::mem::take(&mut self.minutes))
    }
}

fn events(minutes: BTreeMap<i64, HashMap<Counted, u64>>) -> Vec<Event> {
    let of_minute = |(minute, counts): (i64, HashMap<Counted, u64>)| {
        let counts = counts.into_iter();
        counts.map(move |(what, count)| what.event(minute, count))
    };
    minutes.into_iter().flat_map(of_minute).collect()
}

pub(super) fn minute_of(at: OffsetDateTime) -> i64 {
    at.unix_timestamp().div_euclid(60)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

    fn reads(principal: &str) -> Counted {
        let mut actor = Actor::system(NOON);
        actor.name = principal.to_owned();
        Counted::of(&actor, "key-material.read", Outcome::Success)
    }

    #[test]
    fn a_minute_is_taken_once_it_is_over() {
        let mut counts = Counts::default();
        let owner: OwnerKey = "acme".parse().unwrap();
        for second in [0, 30, 59, 60] {
            let at = NOON + Duration::seconds(second);
            counts.add(reads("a").of_owner(&owner), at);
        }
        counts.add(reads("b"), NOON);
        assert_eq!(counts.finished(NOON + Duration::seconds(59)), []);
        let taken = counts.finished(NOON + Duration::seconds(60));
        let mut told: Vec<_> = taken
            .iter()
            .map(|e| (e.actor.name.as_str(), e.count))
            .collect();
        told.sort_unstable();
        assert_eq!(told, [("a", 3), ("b", 1)]);
        assert!(taken.iter().all(|event| event.actor.at == NOON));
        assert_eq!(counts.all().len(), 1);
        assert_eq!(counts.all(), []);
    }

    #[test]
    fn too_many_different_ones_are_counted_together() {
        let mut counts = Counts::default();
        for number in 0..MOST_STRANGERS + 10 {
            let address = IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
            counts.add(reads("a").from(Some(address)), NOON);
        }
        let taken = counts.all();
        assert_eq!(taken.len(), MOST_STRANGERS + 1);
        let together = taken.iter().find(|event| event.actor.address.is_none());
        assert_eq!(together.unwrap().count, 10);
    }
}
