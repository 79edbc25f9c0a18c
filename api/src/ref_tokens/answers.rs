//! What the authority said, for as long as it counts: a bounded memory, by user and ref.

use std::collections::{BTreeMap, BTreeSet};

use moka::sync::Cache;
use portolan_domain::{grants::Wanted, ids::UserName};
use sfv::{BareItem, Dictionary, ListEntry, Parser};
use time::{Duration, OffsetDateTime};

use crate::config::AuthorityWebhookConfig;

/// Answers that are remembered at most.
const MOST: u64 = 200_000;
/// For how long an answer counts at most, whatever it says.
const LONGEST: Duration = Duration::DAY;

/// Which answers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Those that said so.
    Fresh,
    /// Older ones, too: there is nobody to say more.
    Stale,
}

#[derive(Clone, Copy)]
struct Remembered {
    allowed: bool,
    fresh_until: OffsetDateTime,
    stale_until: OffsetDateTime,
}

/// All answers.
pub struct Answers {
    remembered: Cache<(UserName, Wanted), Remembered>,
    max_age: Duration,
    stale_if_error: Duration,
}

impl Answers {
    /// No answers yet.
    pub fn new(config: &AuthorityWebhookConfig) -> Self {
        Self {
            remembered: Cache::new(MOST),
            max_age: seconds(config.max_age_seconds),
            stale_if_error: seconds(config.stale_if_error_seconds),
        }
    }

    /// What is known of these refs.
    pub fn of(
        &self,
        user: &UserName,
        wanted: &BTreeSet<Wanted>,
        freshness: Freshness,
        now: OffsetDateTime,
    ) -> BTreeMap<Wanted, bool> {
        let of_one = |one: &Wanted| {
            let answer = self.remembered.get(&(user.clone(), one.clone()))?;
            let until = match freshness {
                Freshness::Fresh => answer.fresh_until,
                Freshness::Stale => answer.stale_until,
            };
            (now < until).then(|| (one.clone(), answer.allowed))
        };
        wanted.iter().filter_map(of_one).collect()
    }

    /// Remembers answers for as long as their `Cache-Control` says. One that must not be stored takes the
    /// place of what was there: that is no longer what the authority says.
    pub fn remember(
        &self,
        user: &UserName,
        answers: &BTreeMap<Wanted, bool>,
        cache_control: &str,
        now: OffsetDateTime,
    ) {
        let max_age = max_age(cache_control, self.max_age);
        for (wanted, allowed) in answers {
            let key = (user.clone(), wanted.clone());
            let Some(max_age) = max_age else {
                self.remembered.invalidate(&key);
                continue;
            };
            let fresh_until = now + max_age;
            let answer = Remembered {
                allowed: *allowed,
                fresh_until,
                stale_until: fresh_until + self.stale_if_error,
            };
            self.remembered.insert(key, answer);
        }
    }
}

/// For how long an answer counts (RFC 9111, section 5.2.2); none where it must not be stored. What cannot
/// be read counts for no time at all.
fn max_age(cache_control: &str, default: Duration) -> Option<Duration> {
    // Every directive is a structured field, once its name is in small letters.
    let lower = cache_control.to_ascii_lowercase();
    let Ok(directives) = Parser::new(&lower).parse::<Dictionary>() else {
        return Some(Duration::ZERO);
    };
    if directives.contains_key("no-store") {
        return None;
    }
    if directives.contains_key("no-cache") {
        return Some(Duration::ZERO);
    }
    let Some(age) = directives.get("max-age") else {
        return Some(default);
    };
    let whole = match age {
        ListEntry::Item(item) => match &item.bare_item {
            BareItem::Integer(seconds) => u64::try_from(i64::from(*seconds)).ok(),
            // Quoted, which a receiver takes, too.
            BareItem::String(text) => text.as_str().parse().ok(),
            _ => None,
        },
        ListEntry::InnerList(_) => None,
    };
    Some(seconds(whole.unwrap_or(0)).min(LONGEST))
}

fn seconds(number: u64) -> Duration {
    Duration::seconds(i64::try_from(number).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_for_as_long_as_it_says() {
        let default = Duration::seconds(60);
        for (header, age) in [
            ("", Some(60)),
            ("private", Some(60)),
            ("max-age=5", Some(5)),
            ("Private, Max-Age=5", Some(5)),
            ("max-age=\"5\"", Some(5)),
            ("max-age=999999999", Some(86_400)),
            ("max-age=-1", Some(0)),
            ("max-age=x", Some(0)),
            ("max-age", Some(0)),
            ("max-age=5, no-cache", Some(0)),
            ("no-store, max-age=5", None),
            ("max-age=5;;", Some(0)),
        ] {
            let counts = max_age(header, default).map(Duration::whole_seconds);
            assert_eq!(counts, age, "{header:?}");
        }
    }
}
