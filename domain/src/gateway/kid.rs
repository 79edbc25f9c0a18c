//! Key ids as registries know them: distribution 2.x takes libtrust's form, 3.x the thumbprint of RFC 7638.

use crate::digest::Sha256Digest;

/// Base32 (RFC 4648, section 6).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Bytes of the digest that count: 240 bits are 48 letters without padding.
const COUNTED: usize = 30;

/// libtrust's key id: of the SHA-256 of the public key (DER, `SubjectPublicKeyInfo`) the first 240 bits in base32,
/// in twelve groups of four with colons between them.
#[must_use]
pub fn libtrust_kid(public_key: Sha256Digest) -> String {
    let letters = base32(&public_key.as_bytes()[..COUNTED]);
    let groups: Vec<&str> = letters
        .as_bytes()
        .chunks(4)
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join(":")
}

/// The thumbprint of a key (RFC 7638), which goes out as base64url: `members` are the key's required members in the
/// order of their names.
#[must_use]
pub fn rfc7638_thumbprint(members: &[(&str, &str)]) -> Sha256Digest {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":\"{value}\""))
        .collect();
    let json = format!("{{{}}}", members.join(","));
    Sha256Digest::of(json.as_bytes())
}

/// Five bits a letter; the length is a multiple of five bytes.
fn base32(bytes: &[u8]) -> String {
    let mut letters = String::with_capacity(bytes.len() * 8 / 5);
    for five in bytes.chunks(5) {
        let number = five
            .iter()
            .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
        for place in (0..8).rev() {
            let index = usize::try_from((number >> (5 * place)) & 31).unwrap_or_default();
            letters.push(char::from(BASE32[index]));
        }
    }
    letters
}
