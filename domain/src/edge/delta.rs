//! The name of a static delta: to which commit it leads.

use openssl::base64::{decode_block, encode_block};

use crate::{digest::Sha256Digest, ids::CommitId};

/// The commit that the files below this path lead to: `Ab/cd…` from nothing, `Ab/cd…-Ef…` from another
/// commit. Each is a checksum in base64 with `_` for `/` and no `=`
/// (`ostree_checksum_b64_inplace_from_bytes`), split after its first two characters.
pub(crate) fn target(below: &[&str]) -> Option<CommitId> {
    let [first, rest, ..] = below else {
        return None;
    };
    if first.len() != 2 {
        return None;
    }
    let name = format!("{first}{rest}");
    let name = name.strip_suffix(".superblock").unwrap_or(&name);
    match name.split_once('-') {
        None => checksum(name),
        Some((from, to)) => checksum(from).and_then(|_| checksum(to)),
    }
}

fn checksum(text: &str) -> Option<CommitId> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'_';
    if text.len() != 43 || !text.bytes().all(allowed) {
        return None;
    }
    let standard = format!("{}=", text.replace('_', "/"));
    let bytes = decode_block(&standard).ok()?;
    // The last character has two bits too many: only one of four texts is the commit's name.
    let digest = Sha256Digest::from_bytes(&bytes).filter(|_| encode_block(&bytes) == standard)?;
    digest.to_string().parse().ok()
}
