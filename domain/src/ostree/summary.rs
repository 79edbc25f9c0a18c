//! A repository's summary: `(a(s(taya{sv}))a{sv})`, which lists its refs for whoever cannot list files.

use std::collections::BTreeMap;

use super::{
    commit::checksum,
    gvariant::{BYTES, Malformed, NUMBER, Options, WIDE, array, text, tuple},
};
use crate::ids::{CollectionId, CommitId, RefName};

/// What a summary lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Each ref, and the commit that it is at. What can be no ref is left out.
    pub refs: BTreeMap<RefName, CommitId>,
    /// Whose refs these are.
    pub collection: Option<CollectionId>,
}

/// Reads a summary.
///
/// # Errors
/// Where it is none.
pub fn read_summary(bytes: &[u8]) -> Result<Summary, Malformed> {
    parse(bytes).ok_or(Malformed("summary"))
}

fn parse(bytes: &[u8]) -> Option<Summary> {
    let members = tuple(bytes, &[WIDE, WIDE])?;
    let (listed, options) = (members.first()?, Options::new(members.get(1)?));
    let mut refs = BTreeMap::new();
    for entry in array(listed, 8)? {
        let parts = tuple(entry, &[BYTES, WIDE])?;
        let details = tuple(parts.get(1)?, &[NUMBER, BYTES, WIDE])?;
        let commit = checksum(details.get(1)?).ok()??;
        if let Ok(name) = text(parts.first()?)?.parse() {
            refs.insert(name, commit);
        }
    }
    let collection = options.get("ostree.summary.collection-id", "s").ok()?;
    let collection = collection.and_then(text);
    Some(Summary {
        refs,
        collection: collection.and_then(|collection| collection.parse().ok()),
    })
}
