//! A static delta's superblock: `(a{sv}tayay(a{sv}aya(say)sstayay)aya(uayttay)a(yaytt))`. It carries the
//! commit that it leads to.

use super::{
    commit::{CommitObject, checksum, read_commit},
    gvariant::{BYTES, Malformed, NUMBER, WIDE, tuple},
};
use crate::{digest::Sha256Digest, edge::target, ids::CommitId};

/// What a superblock says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superblock {
    /// The commit that it leads to.
    pub to: CommitId,
    /// What that says of itself.
    pub commit: CommitObject,
}

/// Reads a superblock.
///
/// # Errors
/// Where it is none, such as a signed one, or carries another commit than it says.
pub fn read_superblock(bytes: &[u8]) -> Result<Superblock, Malformed> {
    let malformed = Malformed("superblock");
    let members = [WIDE, NUMBER, BYTES, BYTES, WIDE, BYTES, WIDE, WIDE];
    let members = tuple(bytes, &members).ok_or(malformed)?;
    let [_, _, _, to, commit, ..] = members[..] else {
        return Err(malformed);
    };
    let to = checksum(to)?.ok_or(malformed)?;
    if Sha256Digest::of(commit).to_string() != to.as_str() {
        return Err(malformed);
    }
    let commit = read_commit(commit)?;
    Ok(Superblock { to, commit })
}

/// The commit that a delta leads to, by the two parts of its directory's name.
#[must_use]
pub fn delta_target(first: &str, rest: &str) -> Option<CommitId> {
    target(&[first, rest])
}
