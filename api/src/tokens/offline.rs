//! Ref tokens verified with nothing but public keys: what a peer does that passes content on and asks
//! nobody. The same rules as in the service, but for revocations, which nobody here knows.

use std::collections::HashMap;

use jsonwebtoken::{
    Algorithm, DecodingKey, crypto,
    jwk::{Jwk, KeyAlgorithm, PublicKeyUse},
};
use portolan_domain::token::{Claims, TokenKind};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::{codec::Parts, error::InvalidToken, keys::check_times};

/// A file that is no set of keys.
#[derive(Debug, Error)]
pub enum UnreadableKeys {
    /// It is no JWK set.
    #[error("it is no JWK set (RFC 7517): {0}")]
    Json(#[from] serde_json::Error),
    /// None of its keys verifies ref tokens.
    #[error("it has no key that verifies ref tokens")]
    Empty,
}

/// The public keys of a token server, by id.
pub struct OfflineKeys(HashMap<String, (Algorithm, DecodingKey)>);

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

impl OfflineKeys {
    /// Reads a JWK set. Keys for something else are left out, as the standard wants it; so are secrets:
    /// whoever verifies with one could sign with it.
    ///
    /// # Errors
    /// [`UnreadableKeys`].
    pub fn read(json: &[u8]) -> Result<Self, UnreadableKeys> {
        let set: JwkSet = serde_json::from_slice(json)?;
        let read = |key: Value| usable(&serde_json::from_value(key).ok()?);
        let keys: HashMap<_, _> = set.keys.into_iter().filter_map(read).collect();
        if keys.is_empty() {
            return Err(UnreadableKeys::Empty);
        }
        Ok(Self(keys))
    }

    /// Verifies a ref token: its signature, by the key that it names and no other, and that it counts now.
    ///
    /// # Errors
    /// [`InvalidToken`].
    pub fn verify(&self, jwt: &str, now: i64) -> Result<Claims, InvalidToken> {
        let parts = Parts::of(jwt)?;
        let kid = parts.header.kid.as_ref().ok_or(InvalidToken::UnknownKey)?;
        let (algorithm, key) = self.0.get(kid).ok_or(InvalidToken::UnknownKey)?;
        // Both before the signature: neither is for the sender to choose.
        if parts.header.alg != name(*algorithm) {
            return Err(InvalidToken::Algorithm);
        }
        if !TokenKind::RefToken.has_typ(parts.header.typ.as_deref()) {
            return Err(InvalidToken::Type);
        }
        let verified = crypto::verify(parts.signature, parts.signed.as_bytes(), key, *algorithm);
        if !verified.unwrap_or(false) {
            return Err(InvalidToken::Signature);
        }
        let claims = parts.claims()?;
        check_times(&claims, now)?;
        Ok(claims)
    }
}

fn usable(jwk: &Jwk) -> Option<(String, (Algorithm, DecodingKey))> {
    let for_signatures = jwk.common.public_key_use.as_ref();
    if for_signatures.is_some_and(|purpose| *purpose != PublicKeyUse::Signature) {
        return None;
    }
    let algorithm = match jwk.common.key_algorithm? {
        KeyAlgorithm::ES256 => Algorithm::ES256,
        KeyAlgorithm::EdDSA => Algorithm::EdDSA,
        KeyAlgorithm::RS256 => Algorithm::RS256,
        _ => return None,
    };
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some((jwk.common.key_id.clone()?, (algorithm, key)))
}

fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::ES256 => "ES256",
        Algorithm::EdDSA => "EdDSA",
        // No other one gets here.
        _ => "RS256",
    }
}
