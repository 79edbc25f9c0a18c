//! Private keys in memory: wiped when dropped, never shown by `Debug`.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// A private key as PEM text, kept byte for byte as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKeyPem(Zeroizing<String>);

impl PrivateKeyPem {
    /// Takes a key as it came.
    #[must_use]
    pub fn new(pem: String) -> Self {
        Self(Zeroizing::new(pem))
    }

    /// The text, for the caller who may have it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKeyPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKeyPem(…)")
    }
}

impl<'de> Deserialize<'de> for PrivateKeyPem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_shows_itself() {
        let key = PrivateKeyPem::new("-----BEGIN PRIVATE KEY-----".into());
        assert!(!format!("{key:?}").contains("BEGIN"));
    }
}
