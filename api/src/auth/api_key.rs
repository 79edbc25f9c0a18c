//! The text of an API key: `ptl_`, 64 hexadecimal digits of randomness, 8 of checksum.
//!
//! The prefix lets secret scanners find a leaked key, and the checksum lets a mistyped one be refused
//! without asking the database.

use std::{borrow::Cow, fmt};

use portolan_domain::digest::Sha256Digest;
use thiserror::Error;
use zeroize::Zeroizing;

const PREFIX: &str = "ptl_";
const RANDOM: usize = 64;
const CHECKSUM: usize = 8;

/// A key's text. It is shown once, where it is made, and never by `Debug`.
pub struct Secret(Zeroizing<String>);

/// A text that cannot be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not an API key")]
pub struct InvalidKey;

impl Secret {
    /// A new key of 256 random bits.
    ///
    /// # Errors
    /// Where OpenSSL has no randomness.
    pub fn generate() -> Result<Self, openssl::error::ErrorStack> {
        let mut bytes = [0; RANDOM / 2];
        openssl::rand::rand_priv_bytes(&mut bytes)?;
        let random = Sha256Digest::from_bytes(&bytes)
            .map(|hex| hex.to_string())
            .unwrap_or_default();
        let text = format!("{PREFIX}{random}{}", checksum(&random));
        Ok(Self(Zeroizing::new(text)))
    }

    /// Reads a key, and refuses one that was mistyped.
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        Self::digest_of(text)?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// What is stored of a key, without a copy of it.
    ///
    /// # Errors
    /// [`InvalidKey`], where it was mistyped.
    pub fn digest_of(text: &str) -> Result<Sha256Digest, InvalidKey> {
        let rest = text.strip_prefix(PREFIX).ok_or(InvalidKey)?;
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if rest.len() != RANDOM + CHECKSUM || !rest.bytes().all(is_hex) {
            return Err(InvalidKey);
        }
        let (random, sum) = rest.split_at(RANDOM);
        // As a number: writing digits takes longer than the digest.
        let sum = u32::from_str_radix(sum, 16).map_err(|_| InvalidKey)?;
        let digest = Sha256Digest::of(random.as_bytes());
        let [a, b, c, d, ..] = *digest.as_bytes();
        if u32::from_be_bytes([a, b, c, d]) != sum {
            return Err(InvalidKey);
        }
        Ok(Sha256Digest::of(text.as_bytes()))
    }

    /// What is stored of it.
    #[must_use]
    pub fn sha256(&self) -> Sha256Digest {
        Sha256Digest::of(self.0.as_bytes())
    }

    /// Its random part, 64 hexadecimal digits, for secrets that have a form of their own.
    #[must_use]
    pub fn random(&self) -> &str {
        &self.0[PREFIX.len()..PREFIX.len() + RANDOM]
    }

    /// The text, for whoever made it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A text for logs and records, without the keys that somebody put where they do not belong.
#[must_use]
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains(PREFIX) {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split(PREFIX);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        shown.push_str(PREFIX);
        shown.push('…');
        shown.push_str(rest);
    }
    Cow::Owned(shown)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ptl_…")
    }
}

fn checksum(random: &str) -> String {
    let digest = Sha256Digest::of(random.as_bytes()).to_string();
    digest[..CHECKSUM].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_and_a_typo_is_not() {
        let key = Secret::generate().unwrap();
        assert_eq!(Secret::parse(key.expose()).unwrap().sha256(), key.sha256());
        let mut typo = key.expose().to_owned().into_bytes();
        typo[10] = if typo[10] == b'a' { b'b' } else { b'a' };
        let typo = String::from_utf8(typo).unwrap();
        assert!(Secret::parse(&typo).is_err());
        for bad in [
            "",
            "ptl_",
            &key.expose()[1..],
            &format!("{}0", key.expose()),
        ] {
            assert!(Secret::parse(bad).is_err(), "{bad} was taken");
        }
        assert!(!format!("{key:?}").contains(&key.expose()[8..]));
        let path = format!("/owners/{}/x", key.expose());
        assert_eq!(masked(&path), "/owners/ptl_…/x");
        assert_eq!(masked("/owners/acme"), "/owners/acme");
    }
}
