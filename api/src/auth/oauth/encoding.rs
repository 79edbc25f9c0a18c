//! Percent-encoding as OAuth wants it (RFC 5849, 3.6): both sides must encode the same bytes to the
//! same text, so nothing is left to taste.

use percent_encoding::{
    AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, percent_encode,
};
use thiserror::Error;

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A `%` without two hexadecimal digits behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a % must have two hexadecimal digits behind it")]
pub struct BadEscape;

/// These bytes, encoded.
pub fn encode(bytes: &[u8]) -> PercentEncode<'_> {
    percent_encode(bytes, RESERVED)
}

/// The bytes of an encoded text. Libraries let a broken escape stand as it is; then two texts would
/// have one meaning, so it is refused.
pub fn decode(text: &str) -> Result<Vec<u8>, BadEscape> {
    let mut pieces = text.as_bytes().split(|b| *b == b'%');
    pieces.next();
    let is_hex = |b: &u8| b.is_ascii_hexdigit();
    if pieces.all(|piece| piece.len() >= 2 && piece.iter().take(2).all(is_hex)) {
        Ok(percent_decode_str(text).collect())
    } else {
        Err(BadEscape)
    }
}
