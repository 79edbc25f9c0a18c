//! What was revoked, and which tokens that hits. A set of it is kept in memory by every node, since each
//! request with a token asks it.

use std::collections::HashMap;

use thiserror::Error;
use time::OffsetDateTime;

use super::claims::Claims;

/// Bytes of a name at most: every database keeps an index of such texts.
const LONGEST: usize = 1024;

/// A token's id, subject or user, as a revocation may name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevokedName(String);

/// A text that no revocation can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must have at most {LONGEST} bytes, and no control characters")]
pub struct InvalidName;

/// What a revocation is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revoked {
    /// The token of this id, and every token whose first parent it is.
    Jti(RevokedName),
    /// Tokens with exactly this subject that were issued until now.
    Sub(RevokedName),
    /// Tokens of exactly this user that were issued until now.
    User(RevokedName),
    /// All tokens that were issued before an instant.
    IssuedBefore(OffsetDateTime),
}

/// Something that was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// What.
    pub what: Revoked,
    /// When. Of a subject and a user: what was issued until then is hit.
    pub at: OffsetDateTime,
    /// From when on it matters no more, because all tokens that it hits have ended; none where nobody
    /// knows.
    pub expires_at: Option<OffsetDateTime>,
}

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

impl RevokedName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RevokedName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        if text.len() > LONGEST || text.contains(char::is_control) {
            return Err(InvalidName);
        }
        Ok(Self(text))
    }
}

impl From<RevokedName> for String {
    fn from(name: RevokedName) -> Self {
        name.0
    }
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

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-22 12:00:00.500 UTC);

    fn name(text: &str) -> RevokedName {
        text.to_owned().try_into().unwrap()
    }

    fn revocation(what: Revoked) -> Revocation {
        Revocation {
            what,
            at: NOW,
            expires_at: None,
        }
    }

    fn set(what: Revoked) -> RevocationSet {
        let mut set = RevocationSet::default();
        set.learn(revocation(what), NOW);
        set
    }

    fn issued(seconds_ago: i64) -> Claims {
        Claims {
            sub: "build/1".to_owned(),
            user: Some("alice".to_owned()),
            jti: Some("child".to_owned()),
            root_jti: Some("parent".to_owned()),
            iat: Some(NOW.unix_timestamp() - seconds_ago),
            ..Claims::default()
        }
    }

    #[test]
    fn an_id_hits_its_token_and_those_whose_first_parent_it_is() {
        for (jti, hit) in [
            ("child", true),
            ("parent", true),
            ("chil", false),
            ("", false),
        ] {
            assert_eq!(set(Revoked::Jti(name(jti))).hits(&issued(0)), hit, "{jti}");
        }
        let without = Claims {
            jti: None,
            root_jti: None,
            ..issued(0)
        };
        assert!(!set(Revoked::Jti(name(""))).hits(&without));
    }

    #[test]
    fn a_subject_and_a_user_hit_exactly_what_was_issued_until_now() {
        for what in [Revoked::Sub(name("build/1")), Revoked::User(name("alice"))] {
            let set = set(what);
            assert!(set.hits(&issued(0)), "in the same second");
            assert!(set.hits(&issued(60)));
            assert!(!set.hits(&issued(-1)));
            let undated = Claims {
                iat: None,
                ..issued(0)
            };
            assert!(set.hits(&undated));
        }
        for what in [
            Revoked::Sub(name("build")),
            Revoked::Sub(name("alice")),
            Revoked::User(name("Alice")),
            Revoked::User(name("build/1")),
        ] {
            assert!(!set(what.clone()).hits(&issued(60)), "{what:?}");
        }
    }

    #[test]
    fn all_that_was_issued_before_an_instant_is_hit() {
        let whole = set(Revoked::IssuedBefore(datetime!(2026-11-22 12:00 UTC)));
        assert!(!whole.hits(&issued(0)));
        assert!(whole.hits(&issued(1)));
        assert!(set(Revoked::IssuedBefore(NOW)).hits(&issued(0)));
        let absurd = Claims {
            iat: Some(i64::MIN),
            ..issued(0)
        };
        assert!(whole.hits(&absurd));
    }

    #[test]
    fn what_was_revoked_stays_so() {
        let mut set = set(Revoked::Sub(name("build/1")));
        let older = Revocation {
            at: NOW - Duration::HOUR,
            ..revocation(Revoked::Sub(name("build/1")))
        };
        set.learn(older, NOW);
        assert!(set.hits(&issued(0)), "an older one takes nothing back");
        set.learn(revocation(Revoked::IssuedBefore(NOW + Duration::HOUR)), NOW);
        assert!(
            set.subs(None).is_empty(),
            "all that it hits is hit otherwise"
        );
        set.learn(revocation(Revoked::IssuedBefore(NOW - Duration::HOUR)), NOW);
        assert!(set.hits(&issued(0)));
    }

    #[test]
    fn an_id_is_forgotten_when_its_tokens_have_ended() {
        let mut set = RevocationSet::default();
        let end = NOW + Duration::HOUR;
        let ending = |expires_at| Revocation {
            expires_at,
            ..revocation(Revoked::Jti(name("child")))
        };
        set.learn(ending(Some(end)), NOW);
        set.learn(ending(Some(end - Duration::MINUTE)), NOW);
        set.forget(end - Duration::SECOND);
        assert!(set.hits(&issued(0)), "the later end counts");
        assert_eq!(set.jtis(None, end - Duration::SECOND).len(), 1);
        assert_eq!(set.jtis(None, end), []);
        set.forget(end);
        assert!(!set.hits(&issued(0)));
        set.learn(ending(Some(end)), NOW);
        set.learn(ending(None), NOW);
        set.forget(end + Duration::WEEK);
        assert!(set.hits(&issued(0)), "nobody knows when it ends");
    }

    #[test]
    fn a_list_can_begin_where_the_last_one_ended() {
        let mut set = set(Revoked::Jti(name("b")));
        let later = NOW + Duration::MINUTE;
        set.learn(revocation(Revoked::Jti(name("c"))), later);
        set.learn(revocation(Revoked::Jti(name("a"))), later);
        // Heard again: it is no news.
        set.learn(revocation(Revoked::Jti(name("b"))), later);
        let names = |since| {
            let found = set.jtis(since, later).into_iter();
            found.map(|(jti, _)| jti.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(None), ["a", "b", "c"]);
        assert_eq!(names(Some(later)), ["a", "c"]);
    }

    #[test]
    fn a_name_is_short_and_printable() {
        for good in ["", "build/1", "ä b", &"x".repeat(1024)] {
            assert!(RevokedName::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["a\0", "a\n", &"x".repeat(1025)] {
            assert!(RevokedName::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
