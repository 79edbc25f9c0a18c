//! One key in memory, in the forms that sign and verify fastest.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use portolan_domain::token::{PublicParts, TokenAlgorithm, TokenKeyError, TokenKind};
use portolan_storage::TokenKey;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    codec::{LONGEST, Parts, encode},
    error::{InvalidToken, SigningError},
};

/// A key that verifies, and signs where it is the active one.
pub struct Key {
    pub kid: Arc<str>,
    pub kind: TokenKind,
    pub is_active: bool,
    algorithm: TokenAlgorithm,
    verifying: DecodingKey,
    signing: Option<EncodingKey>,
    /// The header of what it signs, encoded.
    header: String,
    /// Its public part (RFC 7517); none of a shared secret.
    pub jwk: Option<Value>,
}

impl Key {
    pub fn of(key: &TokenKey) -> Result<Self, TokenKeyError> {
        let secret = key.secret.as_ref().map(|secret| match key.algorithm {
            TokenAlgorithm::Hs256 => Ok(EncodingKey::from_secret(secret.expose())),
            TokenAlgorithm::Es256 => Ok(EncodingKey::from_ec_der(secret.expose())),
            TokenAlgorithm::EdDsa => Ok(EncodingKey::from_ed_der(secret.expose())),
            TokenAlgorithm::Rs256 => secret
                .rsa_pkcs1()
                .map(|der| EncodingKey::from_rsa_der(&der)),
        });
        let (verifying, jwk) = match (key.algorithm, &key.secret, &key.public_pem) {
            (TokenAlgorithm::Hs256, Some(secret), _) => {
                (DecodingKey::from_secret(secret.expose()), None)
            }
            (algorithm, _, Some(pem)) => {
                let parts = PublicParts::from_pem(pem, algorithm)?;
                let jwk = jwk(&parts, key);
                (decoding_key(&parts), Some(jwk))
            }
            _ => {
                return Err(TokenKeyError::Unfit(
                    "its public part is missing".to_owned(),
                ));
            }
        };
        Ok(Self {
            kid: key.kid.as_str().into(),
            kind: key.kind,
            is_active: key.is_active,
            algorithm: key.algorithm,
            verifying,
            signing: secret.transpose()?,
            header: header(key),
            jwk,
        })
    }

    /// Whether the header is one that this key's tokens have.
    pub fn check_header(&self, parts: &Parts<'_>) -> Result<(), InvalidToken> {
        // Before the signature: an RSA key taken for an HMAC secret is what anybody knows.
        if parts.header.alg != self.algorithm.as_str() {
            return Err(InvalidToken::Algorithm);
        }
        if self.kind.has_typ(parts.header.typ.as_deref()) {
            Ok(())
        } else {
            Err(InvalidToken::Type)
        }
    }

    pub fn has_signed(&self, parts: &Parts<'_>) -> bool {
        let (signature, signed) = (parts.signature, parts.signed.as_bytes());
        crypto::verify(
            signature,
            signed,
            &self.verifying,
            algorithm(self.algorithm),
        )
        .unwrap_or(false)
    }

    pub fn sign(&self, claims: &impl Serialize) -> Result<String, SigningError> {
        let key = self.signing.as_ref().ok_or(SigningError::Lost)?;
        let claims = encode(serde_json::to_vec(claims)?);
        let mut token = format!("{}.{claims}", self.header);
        let signature = crypto::sign(token.as_bytes(), key, algorithm(self.algorithm))?;
        token.push('.');
        token.push_str(&signature);
        if token.len() > LONGEST {
            return Err(SigningError::TooLarge);
        }
        Ok(token)
    }
}

/// flat-manager knows no `kid`, and writes none.
fn header(key: &TokenKey) -> String {
    let (alg, typ) = (key.algorithm.as_str(), key.kind.typ());
    let header = match key.kind {
        TokenKind::FlatManager => json!({ "typ": typ, "alg": alg }),
        _ => json!({ "typ": typ, "alg": alg, "kid": key.kid }),
    };
    encode(header.to_string())
}

const fn algorithm(algorithm: TokenAlgorithm) -> Algorithm {
    match algorithm {
        TokenAlgorithm::Es256 => Algorithm::ES256,
        TokenAlgorithm::EdDsa => Algorithm::EdDSA,
        TokenAlgorithm::Rs256 => Algorithm::RS256,
        TokenAlgorithm::Hs256 => Algorithm::HS256,
    }
}

fn decoding_key(parts: &PublicParts) -> DecodingKey {
    match parts {
        PublicParts::Ec { x, y } => {
            // Uncompressed (SEC 1, section 2.3.3).
            let point = [&[4], x.as_slice(), y].concat();
            DecodingKey::from_ec_der(&point)
        }
        PublicParts::Ed { x } => DecodingKey::from_ed_der(x),
        PublicParts::Rsa { n, e } => DecodingKey::from_rsa_raw_components(n, e),
    }
}

fn jwk(parts: &PublicParts, key: &TokenKey) -> Value {
    let mut jwk = match parts {
        PublicParts::Ec { x, y } => {
            json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
        }
        PublicParts::Ed { x } => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(x) }),
        PublicParts::Rsa { n, e } => json!({ "kty": "RSA", "n": encode(n), "e": encode(e) }),
    };
    jwk["kid"] = key.kid.as_str().into();
    jwk["alg"] = key.algorithm.as_str().into();
    jwk["use"] = "sig".into();
    // A member of its own (RFC 7517, section 4): a verifier that asks no `typ` picks its keys by it.
    jwk["purpose"] = key.kind.as_str().into();
    jwk
}
