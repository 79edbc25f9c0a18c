//! Signatures as text: HMAC, and the ways in which CDNs write bytes into a URL.

use openssl::{base64, error::ErrorStack, hash::MessageDigest, pkey::PKey, sign::Signer};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 3986 (2.3) reserves for nothing, less the `~` that separates fields at one CDN.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

pub(super) fn hmac(digest: MessageDigest, key: &[u8], text: &str) -> Result<Vec<u8>, ErrorStack> {
    let key = PKey::hmac(key)?;
    Signer::new(digest, &key)?.sign_oneshot_to_vec(text.as_bytes())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
    bytes.iter().flat_map(digits).collect()
}

/// base64url without padding (RFC 4648, 5).
pub(super) fn base64url(bytes: &[u8]) -> String {
    let text = base64::encode_block(bytes).replace('+', "-");
    text.replace('/', "_").trim_end_matches('=').to_owned()
}

/// A value between the delimiters of a query.
pub(super) fn percent(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}
