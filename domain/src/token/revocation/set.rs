//! Which tokens are hit by what was revoked. Every node keeps such a set in memory, since each request with
//! a token asks it.

use std::collections::HashMap;

use time::OffsetDateTime;

use super::{Revocation, Revoked};
use crate::token::Claims;

/// All that is revoked, as far as this node knows.
#[derive(Debug, Default)]
pub struct RevocationSet {
    jtis: HashMap<String, RevokedId>,
    subs: HashMap<String, RevokedHolder>,
    users: HashMap<String, RevokedHolder>,
    issued_before: Option<OffsetDateTime>,
}

/// A revoked id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokedId {
    /// From when on it matters no more; none where nobody knows.
    pub expires_at: Option<OffsetDateTime>,
    /// When this node learned of it.
    learned_at: OffsetDateTime,
}

/// A revoked subject or user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokedHolder {
    /// What was issued until then is hit.
    pub before: OffsetDateTime,
    /// When this node learned of it.
    learned_at: OffsetDateTime,
}

impl RevocationSet {
    /// Takes up a revocation that is heard of at `now`. One that is known already changes nothing.
    pub fn learn(&mut self, revocation: Revocation, now: OffsetDateTime) {
        let holder = RevokedHolder {
            before: revocation.at,
            learned_at: now,
        };
        match revocation.what {
            Revoked::Jti(jti) => self.learn_id(jti.into(), revocation.expires_at, now),
            Revoked::Sub(sub) => learn_holder(&mut self.subs, sub.into(), holder),
            Revoked::User(user) => learn_holder(&mut self.users, user.into(), holder),
            Revoked::IssuedBefore(instant) => self.learn_issued_before(instant),
        }
    }

    /// Of two ends the later one counts, and none is the latest.
    fn learn_id(&mut self, jti: String, expires_at: Option<OffsetDateTime>, now: OffsetDateTime) {
        let new = RevokedId {
            expires_at,
            learned_at: now,
        };
        let known = self.jtis.entry(jti).or_insert(new);
        let lasts_longer = known
            .expires_at
            .is_some_and(|known| expires_at.is_none_or(|end| end > known));
        if lasts_longer {
            *known = new;
        }
    }

    /// What it hits, too, needs no entry of its own.
    fn learn_issued_before(&mut self, instant: OffsetDateTime) {
        let latest = self
            .issued_before
            .map_or(instant, |known| known.max(instant));
        self.issued_before = Some(latest);
        for holders in [&mut self.subs, &mut self.users] {
            holders.retain(|_, holder| holder.before >= latest);
        }
    }

    /// Forgets the ids whose tokens have all ended by then; whether there were any.
    pub fn forget(&mut self, ended_at: OffsetDateTime) -> bool {
        let before = self.jtis.len();
        self.jtis
            .retain(|_, id| id.expires_at.is_none_or(|end| end > ended_at));
        self.jtis.len() < before
    }

    /// Whether a token with these claims was revoked. One that does not say when it was issued counts as
    /// issued before.
    #[must_use]
    pub fn hits(&self, claims: &Claims) -> bool {
        let has_id = |jti: &Option<String>| {
            let jti = jti.as_deref();
            jti.is_some_and(|jti| self.jtis.contains_key(jti))
        };
        let is_until = |holder: Option<&RevokedHolder>| {
            holder.is_some_and(|holder| {
                claims
                    .iat
                    .is_none_or(|iat| nanoseconds(iat) <= holder.before.unix_timestamp_nanos())
            })
        };
        let is_before = |instant: OffsetDateTime| {
            claims
                .iat
                .is_none_or(|iat| nanoseconds(iat) < instant.unix_timestamp_nanos())
        };
        has_id(&claims.jti)
            || has_id(&claims.root_jti)
            || is_until(self.subs.get(&claims.sub))
            || is_until(claims.user.as_ref().and_then(|user| self.users.get(user)))
            || self.issued_before.is_some_and(is_before)
    }

    /// The revoked ids that still matter, of which this node has learned since an instant, in order.
    #[must_use]
    pub fn jtis(
        &self,
        since: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> Vec<(&str, RevokedId)> {
        let matters = |id: &RevokedId| id.expires_at.is_none_or(|end| end > now);
        sorted(&self.jtis, |id| {
            matters(id) && is_since(id.learned_at, since)
        })
    }

    /// The revoked subjects, likewise.
    #[must_use]
    pub fn subs(&self, since: Option<OffsetDateTime>) -> Vec<(&str, RevokedHolder)> {
        sorted(&self.subs, |sub| is_since(sub.learned_at, since))
    }

    /// The revoked users, likewise.
    #[must_use]
    pub fn users(&self, since: Option<OffsetDateTime>) -> Vec<(&str, RevokedHolder)> {
        sorted(&self.users, |user| is_since(user.learned_at, since))
    }

    /// All tokens that were issued before this are revoked.
    #[must_use]
    pub fn issued_before(&self) -> Option<OffsetDateTime> {
        self.issued_before
    }
}

fn learn_holder(holders: &mut HashMap<String, RevokedHolder>, name: String, new: RevokedHolder) {
    let known = holders.entry(name).or_insert(new);
    if new.before > known.before {
        *known = new;
    }
}

fn is_since(learned_at: OffsetDateTime, since: Option<OffsetDateTime>) -> bool {
    since.is_none_or(|since| learned_at >= since)
}

fn sorted<T: Copy>(entries: &HashMap<String, T>, wanted: impl Fn(&T) -> bool) -> Vec<(&str, T)> {
    let wanted = entries.iter().filter(|(_, entry)| wanted(entry));
    let mut found: Vec<_> = wanted
        .map(|(name, entry)| (name.as_str(), *entry))
        .collect();
    found.sort_unstable_by_key(|(name, _)| *name);
    found
}

/// Seconds as an instant is compared: nothing overflows, whatever a token says.
fn nanoseconds(seconds: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000
}
