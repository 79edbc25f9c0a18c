//! One key in memory, in the forms that sign and verify fastest.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use portolan_domain::{
    gateway::{libtrust_kid, rfc7638_thumbprint},
    token::{PublicParts, TokenAlgorithm, TokenKeyError, TokenKind},
};
use portolan_storage::TokenKey;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    codec::{LONGEST, Parts, encode},
    error::{InvalidToken, SigningError},
};
use crate::config::KidFormat;

/// What a key is called: in the database by the digest of its public part; by registries as they are set to.
struct Kids {
    /// In tokens.
    shown: String,
    all: Vec<String>,
}

impl Kids {
    fn of(key: &TokenKey, format: KidFormat) -> Self {
        let mut names = Self {
            shown: key.kid.clone(),
            all: vec![key.kid.clone()],
        };
        if key.kind == TokenKind::Registry
            && let Ok(digest) = key.kid.parse()
        {
            names.add(libtrust_kid(digest), format == KidFormat::Libtrust);
        }
        names
    }

    fn add_thumbprint(&mut self, members: &[(&str, String)], format: KidFormat) {
        if self.all.len() > 1 {
            let members: Vec<(&str, &str)> = members
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let thumbprint = encode(rfc7638_thumbprint(&members).as_bytes());
            self.add(thumbprint, format == KidFormat::Rfc7638);
        }
    }

    fn add(&mut self, kid: String, is_shown: bool) {
        if is_shown {
            self.shown.clone_from(&kid);
        }
        self.all.push(kid);
    }
}

/// A key that verifies, and signs where it is the active one.
pub struct Key {
    /// Its id in tokens.
    pub kid: Arc<str>,
    pub kind: TokenKind,
    pub is_active: bool,
    pub algorithm: TokenAlgorithm,
    /// Its public part, PEM; none of a shared secret.
    pub public_pem: Option<String>,
    /// Its id in the database, and what it is called elsewhere.
    kids: Vec<Arc<str>>,
    verifying: DecodingKey,
    signing: Option<EncodingKey>,
    /// The header of what it signs, encoded.
    header: String,
    /// Its public part (RFC 7517); none of a shared secret.
    pub jwk: Option<Value>,
}

impl Key {
    pub fn of(key: &TokenKey, kids: KidFormat) -> Result<Self, TokenKeyError> {
        let mut names = Kids::of(key, kids);
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
                let members = members(&parts);
                names.add_thumbprint(&members, kids);
                let jwk = jwk(members, key, &names.shown);
                (decoding_key(&parts), Some(jwk))
            }
            _ => {
                return Err(TokenKeyError::Unfit(
                    "its public part is missing".to_owned(),
                ));
            }
        };
        Ok(Self {
            header: encode(header(key, &names.shown).to_string()),
            kid: names.shown.into(),
            kids: names.all.into_iter().map(Into::into).collect(),
            kind: key.kind,
            is_active: key.is_active,
            algorithm: key.algorithm,
            public_pem: key.public_pem.clone(),
            verifying,
            signing: secret.transpose()?,
            jwk,
        })
    }

    /// What else it is called.
    pub fn other_kids(&self) -> impl Iterator<Item = Arc<str>> + '_ {
        self.kids.iter().cloned()
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
        self.sign_below(&self.header, claims)
    }

    /// The same below another header of this key's, encoded.
    pub fn sign_below(
        &self,
        header: &str,
        claims: &impl Serialize,
    ) -> Result<String, SigningError> {
        let key = self.signing.as_ref().ok_or(SigningError::Lost)?;
        let claims = encode(serde_json::to_vec(claims)?);
        let mut token = format!("{header}.{claims}");
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
fn header(key: &TokenKey, kid: &str) -> Value {
    let (alg, typ) = (key.algorithm.as_str(), key.kind.typ());
    match key.kind {
        TokenKind::FlatManager => json!({ "typ": typ, "alg": alg }),
        _ => json!({ "typ": typ, "alg": alg, "kid": kid }),
    }
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

/// What makes up the key (RFC 7517), and its thumbprint (RFC 7638): its required members, by name.
fn members(parts: &PublicParts) -> Vec<(&'static str, String)> {
    match parts {
        PublicParts::Ec { x, y } => vec![
            ("crv", "P-256".to_owned()),
            ("kty", "EC".to_owned()),
            ("x", encode(x)),
            ("y", encode(y)),
        ],
        PublicParts::Ed { x } => vec![
            ("crv", "Ed25519".to_owned()),
            ("kty", "OKP".to_owned()),
            ("x", encode(x)),
        ],
        PublicParts::Rsa { n, e } => vec![
            ("e", encode(e)),
            ("kty", "RSA".to_owned()),
            ("n", encode(n)),
        ],
    }
}

fn jwk(members: Vec<(&'static str, String)>, key: &TokenKey, kid: &str) -> Value {
    let mut jwk: Value = members.into_iter().collect();
    jwk["kid"] = kid.into();
    jwk["alg"] = key.algorithm.as_str().into();
    jwk["use"] = "sig".into();
    // A member of its own (RFC 7517, section 4): a verifier that asks no `typ` picks its keys by it.
    jwk["purpose"] = key.kind.as_str().into();
    jwk
}
