//! A commit object: `(a{sv}aya(say)sstayay)`.

use std::collections::BTreeSet;

use super::gvariant::{BYTES, Malformed, NUMBER, Options, WIDE, text, texts, tuple};
use crate::{
    digest::Sha256Digest,
    ids::{CollectionId, CommitId, RefName},
    repo::TokenType,
};

/// What a commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitObject {
    /// `ostree.ref-binding`: the refs that it is of. What can be no ref is left out.
    pub refs: BTreeSet<RefName>,
    /// `ostree.collection-binding`.
    pub collection: Option<CollectionId>,
    /// `xa.token-type`; none where it says none, or less than 0.
    pub token_type: Option<TokenType>,
    /// The commit before it.
    pub parent: Option<CommitId>,
}

/// Reads a commit object.
///
/// # Errors
/// Where it is none.
pub fn read_commit(bytes: &[u8]) -> Result<CommitObject, Malformed> {
    parse(bytes).ok_or(Malformed("commit object"))
}

fn parse(bytes: &[u8]) -> Option<CommitObject> {
    let members = [WIDE, BYTES, BYTES, BYTES, BYTES, NUMBER, BYTES, BYTES];
    let members = tuple(bytes, &members)?;
    let options = Options::new(members.first()?);
    let refs = match options.get("ostree.ref-binding", "as").ok()? {
        Some(refs) => texts(refs)?,
        None => Vec::new(),
    };
    let collection = options.get("ostree.collection-binding", "s").ok()?;
    let collection = collection.and_then(text);
    let kind = options.get("xa.token-type", "i").ok()?;
    Some(CommitObject {
        refs: refs
            .into_iter()
            .filter_map(|name| name.parse().ok())
            .collect(),
        collection: collection.and_then(|collection| collection.parse().ok()),
        token_type: kind.and_then(token_type),
        parent: checksum(members.get(1)?).ok()?,
    })
}

/// Flatpak writes it in little-endian order on every machine.
fn token_type(bytes: &[u8]) -> Option<TokenType> {
    let number = i32::from_le_bytes(bytes.try_into().ok()?);
    i64::from(number).try_into().ok()
}

/// `ay` of 32 bytes, or of none.
pub(super) fn checksum(bytes: &[u8]) -> Result<Option<CommitId>, Malformed> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let malformed = Malformed("checksum");
    let digest = Sha256Digest::from_bytes(bytes).ok_or(malformed)?;
    let commit = digest.to_string().parse();
    commit.map(Some).map_err(|_| malformed)
}
