//! What a CDN believes: the kind of its signatures, and the key that it shares with us.

use std::fmt;

use serde::{Deserialize, Deserializer};
use thiserror::Error;
use zeroize::Zeroizing;

use super::PathPrefix;
use crate::ids::OwnerKey;

/// How a CDN wants its URLs signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningKind {
    /// Akamai's `EdgeAuth` 2.0.
    Akamai,
    /// Amazon `CloudFront`, with canned and custom policies.
    CloudFront,
    /// Fastly's token validation.
    Fastly,
    /// bunny.net's token authentication, version 2.
    Bunny,
    /// Cloudflare's token authentication (`is_timed_hmac_valid_v0`).
    Cloudflare,
    /// nginx's `secure_link_md5`.
    Nginx,
}

/// The digest of a signature, where a kind leaves the choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningHash {
    /// SHA-1.
    #[serde(alias = "SHA1")]
    Sha1,
    /// SHA-256.
    #[serde(alias = "SHA256")]
    Sha256,
}

/// The key as it was given: text, hexadecimal, base64 or PEM, as the kind wants it. Wiped when
/// dropped, never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(Zeroizing<String>);

/// What may be signed for an owner: everything below a prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SigningAllow {
    /// The owner.
    pub owner: OwnerKey,
    /// The prefix.
    pub prefix: PathPrefix,
}

/// What a CDN believes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningProfile {
    /// The kind of its signatures.
    pub kind: SigningKind,
    /// What the CDN calls the key; `CloudFront` wants it in the URL.
    pub key_id: Option<String>,
    /// The digest; none for the kind's default.
    pub hash: Option<SigningHash>,
    /// The key.
    pub secret: SigningSecret,
}

/// Why nothing can be signed with a profile. The key itself is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidProfile {
    /// Not the key that the kind wants.
    #[error("the secret of {kind} must be {rule}")]
    Secret {
        /// The kind.
        kind: SigningKind,
        /// What it must be.
        rule: &'static str,
    },
    /// No key id, where the URL needs one, or one that does not fit there.
    #[error("keyId must be 1 to 128 of A-Z a-z 0-9 . _ -; cloudfront needs one, its key pair's id")]
    KeyId,
    /// The kind has one digest.
    #[error("{0} leaves no choice of the hash; leave it out (fastly and cloudfront do)")]
    Hash(SigningKind),
    /// The CDN's URL is none.
    #[error("the URL of the CDN is none")]
    Url,
    /// There is no key, or one of another kind.
    #[error("the secret is missing: one that is there is kept only where the kind stays")]
    NoSecret,
}

impl SigningKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Akamai,
        Self::CloudFront,
        Self::Fastly,
        Self::Bunny,
        Self::Cloudflare,
        Self::Nginx,
    ];

    /// The kind's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Akamai => "akamai",
            Self::CloudFront => "cloudfront",
            Self::Fastly => "fastly",
            Self::Bunny => "bunny",
            Self::Cloudflare => "cloudflare",
            Self::Nginx => "nginx",
        }
    }

    /// Reads a kind's name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether the digest is a choice.
    pub(super) const fn has_hashes(self) -> bool {
        matches!(self, Self::CloudFront | Self::Fastly)
    }
}

impl fmt::Display for SigningKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl SigningHash {
    /// The digest's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// Reads a digest's name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Sha1, Self::Sha256];
        all.into_iter().find(|hash| hash.as_str() == name)
    }
}

impl SigningSecret {
    /// Takes a key as it was given.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The key, for what signs or seals.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A key that is a text by itself.
    pub(super) fn text(&self, kind: SigningKind) -> Result<Zeroizing<Vec<u8>>, InvalidProfile> {
        let text = self.expose();
        if !(1..=1024).contains(&text.len()) || text.chars().any(char::is_control) {
            let rule = "a text of 1 to 1024 bytes on one line";
            return Err(InvalidProfile::Secret { kind, rule });
        }
        Ok(Zeroizing::new(text.as_bytes().to_vec()))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

impl<'de> Deserialize<'de> for SigningSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
