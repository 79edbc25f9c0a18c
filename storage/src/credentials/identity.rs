//! What a caller shows, and what finds it in the database.

use portolan_domain::digest::Sha256Digest;
use zeroize::Zeroizing;

use crate::audit::PrincipalKind;

/// The kind of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// `Authorization: Bearer ptl_…`.
    ApiKey,
    /// `Authorization: OAuth …`.
    OAuth,
    /// A client certificate, by its fingerprint.
    Certificate,
    /// A client certificate, by its subject, where a client CA vouches for it.
    Subject,
}

impl CredentialKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::ApiKey, Self::OAuth, Self::Certificate, Self::Subject];

    /// The kind's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::OAuth => "oauth",
            Self::Certificate => "certificate",
            Self::Subject => "subject",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What the audit log calls whoever shows it.
    #[must_use]
    pub const fn principal(self) -> PrincipalKind {
        match self {
            Self::ApiKey => PrincipalKind::ApiKey,
            Self::OAuth => PrincipalKind::OAuth,
            Self::Certificate | Self::Subject => PrincipalKind::Certificate,
        }
    }
}

/// What finds a credential: its kind, and a digest of what the caller shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// The kind.
    pub kind: CredentialKind,
    /// The digest.
    pub sha256: Sha256Digest,
}

impl Lookup {
    /// An API key, by the SHA-256 of its text.
    #[must_use]
    pub const fn api_key(sha256: Sha256Digest) -> Self {
        let kind = CredentialKind::ApiKey;
        Self { kind, sha256 }
    }

    /// An OAuth consumer, by its key.
    #[must_use]
    pub fn oauth(consumer_key: &str) -> Self {
        Self::named(CredentialKind::OAuth, consumer_key)
    }

    /// A client certificate, by the SHA-256 of its DER form.
    #[must_use]
    pub const fn certificate(sha256: Sha256Digest) -> Self {
        let kind = CredentialKind::Certificate;
        Self { kind, sha256 }
    }

    /// A client certificate, by its subject in canonical form (RFC 4514).
    #[must_use]
    pub fn subject(name: &str) -> Self {
        Self::named(CredentialKind::Subject, name)
    }

    fn named(kind: CredentialKind, name: &str) -> Self {
        let sha256 = Sha256Digest::of(format!("{}\0{name}", kind.as_str()).as_bytes());
        Self { kind, sha256 }
    }
}

/// What a new credential is known by.
pub enum Identity<'a> {
    /// An API key, of which only the digest is kept.
    ApiKey {
        /// The SHA-256 of its text.
        sha256: Sha256Digest,
    },
    /// An OAuth consumer, whose secret is kept sealed.
    OAuth {
        /// The consumer key, which is public.
        key: &'a str,
        /// The shared secret.
        secret: &'a str,
    },
    /// A client certificate.
    Certificate {
        /// The SHA-256 of its DER form.
        sha256: Sha256Digest,
    },
    /// The subject of client certificates that a client CA vouches for.
    Subject {
        /// The subject in canonical form (RFC 4514).
        name: &'a str,
    },
}

impl Identity<'_> {
    pub(super) fn lookup(&self) -> Lookup {
        match self {
            Self::ApiKey { sha256 } => Lookup::api_key(*sha256),
            Self::OAuth { key, .. } => Lookup::oauth(key),
            Self::Certificate { sha256 } => Lookup::certificate(*sha256),
            Self::Subject { name } => Lookup::subject(name),
        }
    }

    /// What people know it by; an API key has nothing of that kind.
    pub(super) fn shown(&self) -> Option<String> {
        match self {
            Self::ApiKey { .. } => None,
            Self::OAuth { key, .. } => Some((*key).to_owned()),
            Self::Certificate { sha256 } => Some(sha256.to_string()),
            Self::Subject { name } => Some((*name).to_owned()),
        }
    }
}

/// An OAuth consumer's secret in memory: wiped when dropped, never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SharedSecret(Zeroizing<String>);

impl SharedSecret {
    pub(super) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, to compute a signature with.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedSecret(…)")
    }
}
