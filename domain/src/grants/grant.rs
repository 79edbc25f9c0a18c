//! Grants, and what a user may have by them.

use std::collections::BTreeSet;

use thiserror::Error;
use time::OffsetDateTime;

use super::pattern::RefPattern;
use crate::ids::{CollectionId, RefName};

/// One pattern of refs of a collection, for as long as it counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grant {
    /// The collection.
    pub collection: CollectionId,
    /// Its refs.
    pub pattern: RefPattern,
    /// The instant from which it no longer counts; none where it counts for ever.
    pub until: Option<OffsetDateTime>,
}

/// Several patterns of one collection, as they are said together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantEntry {
    /// The collection.
    pub collection: CollectionId,
    /// Patterns of its refs: one at least.
    pub refs: BTreeSet<RefPattern>,
    /// The instant from which they no longer count.
    pub until: Option<OffsetDateTime>,
}

/// Why entries are refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidEntry {
    /// It grants nothing, which somebody may read as everything.
    #[error("refs is empty; leave the entry out where nothing of a collection is granted")]
    Empty,
    /// Databases keep no such instant.
    #[error("until must be an instant of the years 1970 to 9999")]
    Until,
    /// Two entries say it, and not the same of it.
    #[error("{pattern} of {collection} is granted twice, until different instants")]
    Twice {
        /// The pattern.
        pattern: RefPattern,
        /// Its collection.
        collection: CollectionId,
    },
}

/// A ref that somebody wants to have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wanted {
    /// The collection.
    pub collection: CollectionId,
    /// Its ref.
    pub name: RefName,
}

/// For how long somebody may have a ref.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// For as long as a token lasts.
    Always,
    /// No longer than this.
    Until(OffsetDateTime),
    /// What allowed it has ended.
    Ended,
    /// Nothing allows it.
    Never,
}

impl GrantEntry {
    /// The grants that it stands for.
    ///
    /// # Errors
    /// [`InvalidEntry`].
    pub fn grants(self) -> Result<BTreeSet<Grant>, InvalidEntry> {
        if self.refs.is_empty() {
            return Err(InvalidEntry::Empty);
        }
        let is_kept = |until: &OffsetDateTime| {
            let utc = until.checked_to_offset(time::UtcOffset::UTC);
            utc.is_some_and(|utc| (1970..=9999).contains(&utc.year()))
        };
        if !self.until.as_ref().is_none_or(is_kept) {
            return Err(InvalidEntry::Until);
        }
        let (collection, until) = (self.collection, self.until);
        let grant = |pattern| Grant {
            collection: collection.clone(),
            pattern,
            until,
        };
        Ok(self.refs.into_iter().map(grant).collect())
    }

    /// The grants that several entries stand for.
    ///
    /// # Errors
    /// [`InvalidEntry`]: of a pattern that is there with two ends, nobody could say which one counts.
    pub fn all(entries: Vec<Self>) -> Result<BTreeSet<Grant>, InvalidEntry> {
        let mut all = BTreeSet::new();
        for entry in entries {
            all.append(&mut entry.grants()?);
        }
        // Sorted by what is granted, then by its end: those of one thing stand beside each other.
        let mut pairs = all.iter().zip(all.iter().skip(1));
        let same = pairs.find(|(a, b)| a.collection == b.collection && a.pattern == b.pattern);
        match same {
            Some((grant, _)) => Err(InvalidEntry::Twice {
                pattern: grant.pattern.clone(),
                collection: grant.collection.clone(),
            }),
            None => Ok(all),
        }
    }
}

/// For how long a user with these grants may have a ref: that of the longest one that is for it.
#[must_use]
pub fn decide<'a>(
    grants: impl IntoIterator<Item = &'a Grant>,
    wanted: &Wanted,
    now: OffsetDateTime,
) -> Permission {
    let is_for = |grant: &&Grant| {
        grant.collection == wanted.collection && grant.pattern.matches(&wanted.name)
    };
    let mut best = Permission::Never;
    for grant in grants.into_iter().filter(is_for) {
        best = match (grant.until, best) {
            (None, _) => return Permission::Always,
            (Some(until), Permission::Until(other)) if until <= other => best,
            (Some(until), _) if until > now => Permission::Until(until),
            (Some(_), Permission::Never) => Permission::Ended,
            (Some(_), _) => best,
        };
    }
    best
}
