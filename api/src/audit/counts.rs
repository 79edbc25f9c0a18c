//! Counts by principal, owner and minute, of what happens too often for a row each.

use std::{collections::HashMap, net::IpAddr};

use portolan_domain::ids::OwnerKey;
use portolan_storage::{Actor, Event, Outcome, PrincipalKind};
use time::{Duration, OffsetDateTime};

/// Different things that are counted at most; what is over it is counted without its particulars.
const MOST: usize = 50_000;

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
    counts: HashMap<(i64, Counted), u64>,
    /// Refusals of the running minute, rows and counts alike.
    refusals: (i64, HashMap<Counted, u64>),
}

impl Counts {
    /// One more.
    pub fn add(&mut self, what: Counted, at: OffsetDateTime) {
        let minute = minute_of(at);
        let full = self.counts.len() >= MOST;
        let key = (minute, what);
        if full && !self.counts.contains_key(&key) {
            let key = (minute, key.1.without_particulars());
            *self.counts.entry(key).or_default() += 1;
        } else {
            *self.counts.entry(key).or_default() += 1;
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
        let running = minute_of(now);
        self.take(|minute| minute < running)
    }

    /// Takes everything.
    pub fn all(&mut self) -> Vec<Event> {
        self.take(|_| true)
    }

    fn take(&mut self, wanted: impl Fn(i64) -> bool) -> Vec<Event> {
        let taken = self.counts.extract_if(|(minute, _), _| wanted(*minute));
        let events = taken.map(|((minute, what), count)| what.event(minute, count));
        let mut events: Vec<Event> = events.collect();
        events.sort_by_key(|event| event.actor.at);
        events
    }
}

fn minute_of(at: OffsetDateTime) -> i64 {
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
        for number in 0..MOST + 10 {
            let address = IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
            counts.add(reads("a").from(Some(address)), NOON);
        }
        let taken = counts.all();
        assert_eq!(taken.len(), MOST + 1);
        let together = taken.iter().find(|event| event.actor.address.is_none());
        assert_eq!(together.unwrap().count, 10);
    }
}
