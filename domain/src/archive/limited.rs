//! Reading with a limit that counts real bytes.

use std::io::{self, Read};

/// What a limited read found.
pub(super) enum Limited {
    /// All of it, within the limit.
    Whole,
    /// There is more than the limit allows.
    Over,
}

/// Appends at most `limit` bytes of `from` to `into`.
pub(super) fn read_limited(
    from: &mut impl Read,
    into: &mut impl io::Write,
    limit: u64,
) -> io::Result<Limited> {
    // One byte more than allowed tells "just full" from "too much".
    let copied = io::copy(&mut from.take(limit.saturating_add(1)), into)?;
    Ok(if copied > limit {
        Limited::Over
    } else {
        Limited::Whole
    })
}
