//! All keys in memory, by id. An id is looked up in a map and is nothing else: no path, no query.

use std::{collections::HashMap, sync::Arc};

use portolan_domain::{
    digest::Sha256Digest,
    token::{Claims, TokenKind},
};
use portolan_storage::TokenKeys;
use serde_json::{Value, json};

use super::{Verified, codec::Parts, error::InvalidToken, key::Key};
use crate::config::KidFormat;

/// How far clocks may differ, in seconds, before what another node has just made counts here.
const SKEW: i64 = 30;

/// What was read of keys at once; empty before the first reading.
#[derive(Default)]
pub struct Keys {
    generation: Option<i64>,
    by_kid: HashMap<Arc<str>, Arc<Key>>,
    /// Those that flat-manager shares, the newest first: its tokens name no key.
    shared: Vec<Arc<Key>>,
    signing: Vec<Arc<Key>>,
    public: Arc<PublicKeys>,
}

/// The public keys, as everybody may have them.
pub struct PublicKeys {
    /// A JWK set (RFC 7517).
    pub json: String,
    /// Changes with it.
    pub sha256: Sha256Digest,
}

impl PublicKeys {
    fn of(jwks: &[Value]) -> Self {
        let json = json!({ "keys": jwks }).to_string();
        let sha256 = Sha256Digest::of(json.as_bytes());
        Self { json, sha256 }
    }
}

impl Default for PublicKeys {
    fn default() -> Self {
        Self::of(&[])
    }
}

impl Keys {
    /// A key that cannot be used is left out, and told: the others go on.
    pub fn of(read: &TokenKeys, kids: KidFormat) -> Self {
        let mut keys = Self {
            generation: Some(read.generation),
            ..Self::default()
        };
        let mut public = Vec::new();
        for stored in &read.keys {
            let key = match Key::of(stored, kids) {
                Ok(key) => Arc::new(key),
                Err(error) => {
                    tracing::error!(kid = stored.kid, %error, "a signing key cannot be used");
                    continue;
                }
            };
            public.extend(key.jwk.clone());
            if key.kind == TokenKind::FlatManager {
                keys.shared.push(key.clone());
            }
            if key.is_active {
                keys.signing.push(key.clone());
            }
            // Whatever its id was when it signed a token.
            for kid in key.other_kids() {
                keys.by_kid.insert(kid, key.clone());
            }
            keys.by_kid.insert(key.kid.clone(), key);
        }
        keys.public = Arc::new(PublicKeys::of(&public));
        keys
    }

    /// How often keys had changed before these were read; none where they never were.
    pub fn generation(&self) -> Option<i64> {
        self.generation
    }

    pub fn were_read(&self) -> bool {
        self.generation.is_some()
    }

    pub fn public(&self) -> Arc<PublicKeys> {
        self.public.clone()
    }

    /// The key that signs tokens of this kind.
    pub fn signing(&self, kind: TokenKind) -> Option<Arc<Key>> {
        self.signing.iter().find(|key| key.kind == kind).cloned()
    }

    pub fn verify(
        &self,
        parts: &Parts<'_>,
        accepted: &[TokenKind],
        now: i64,
    ) -> Result<Verified, InvalidToken> {
        let key = match &parts.header.kid {
            Some(kid) => self.named(kid, parts)?,
            None => self.unnamed(parts)?,
        };
        if !accepted.contains(&key.kind) {
            return Err(InvalidToken::Purpose);
        }
        let claims: Claims = parts.claims()?;
        check_times(&claims, now)?;
        Ok(Verified {
            kind: key.kind,
            claims,
            kid: key.kid.clone(),
        })
    }

    /// The key that the token names. No other one is tried.
    fn named(&self, kid: &str, parts: &Parts<'_>) -> Result<&Arc<Key>, InvalidToken> {
        let key = self.by_kid.get(kid).ok_or(InvalidToken::UnknownKey)?;
        key.check_header(parts)?;
        if key.has_signed(parts) {
            Ok(key)
        } else {
            Err(InvalidToken::Signature)
        }
    }

    /// One of flat-manager's: after a change of the secret, tokens of both are about.
    fn unnamed(&self, parts: &Parts<'_>) -> Result<&Arc<Key>, InvalidToken> {
        let first = self.shared.first().ok_or(InvalidToken::UnknownKey)?;
        // They all have one algorithm and one type.
        first.check_header(parts)?;
        let mut keys = self.shared.iter();
        let signer = keys.find(|key| key.has_signed(parts));
        signer.ok_or(InvalidToken::UnknownKey)
    }
}

/// Whether what it says counts now.
pub(super) fn check_times(claims: &Claims, now: i64) -> Result<(), InvalidToken> {
    // At `exp` it has ended (RFC 7519, section 4.1.4).
    if claims.exp <= now {
        return Err(InvalidToken::Expired);
    }
    match claims.nbf {
        Some(nbf) if nbf > now.saturating_add(SKEW) => Err(InvalidToken::NotYet),
        _ => Ok(()),
    }
}
