//! Grants as the lines of a batch (NDJSON).

use std::collections::BTreeSet;

use serde::Deserialize;
use time::OffsetDateTime;

use super::{
    grant::{Grant, GrantEntry},
    pattern::RefPattern,
};
use crate::{
    ids::{CollectionId, UserName},
    lines::{FromLine, LineFault, read_object},
};

/// A line of a batch: what one user is granted of one collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantLine {
    /// The user.
    pub user: UserName,
    /// The grants: one at least.
    pub grants: BTreeSet<Grant>,
}

#[derive(Deserialize)]
// A misspelt until would grant for ever.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    user: UserName,
    collection_id: CollectionId,
    refs: BTreeSet<RefPattern>,
    #[serde(default, with = "time::serde::rfc3339::option")]
    until: Option<OffsetDateTime>,
}

impl FromLine for GrantLine {
    /// Whoever has more refs has more lines.
    const LONGEST: usize = 32 << 10;
    const EXAMPLE: &'static str = r#"{"user":"…","collectionId":"…","refs":["…"]}"#;

    fn from_line(line: &[u8]) -> Result<Self, LineFault> {
        let line: Line = read_object::<Self, _>(line)?;
        let entry = GrantEntry {
            collection: line.collection_id,
            refs: line.refs,
            until: line.until,
        };
        let grants = entry.grants();
        Ok(Self {
            user: line.user,
            grants: grants.map_err(|why| LineFault::Other(why.to_string()))?,
        })
    }
}
