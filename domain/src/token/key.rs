//! Keys that sign tokens: made here or brought along, checked against their algorithm, and their public
//! parts in the forms that verifiers read.

use openssl::{
    bn::{BigNum, BigNumContext},
    ec::{EcGroup, EcKey},
    error::ErrorStack,
    nid::Nid,
    pkey::{HasPublic, Id, PKey, PKeyRef, Private, Public},
    rand::rand_bytes,
    rsa::Rsa,
};
use thiserror::Error;
use zeroize::Zeroizing;

use super::kind::TokenAlgorithm;
use crate::digest::Sha256Digest;

/// Bits of the RSA keys that are made here; NIST SP 800-57 wants them for what lasts beyond 2030.
const RSA_BITS: u32 = 3072;
/// Bits of the RSA keys that are taken.
const RSA_TAKEN: std::ops::RangeInclusive<u32> = 2048..=8192;
/// Bytes of a coordinate on P-256.
const COORDINATE: i32 = 32;

/// A key that cannot be used.
#[derive(Debug, Error)]
pub enum TokenKeyError {
    /// What was brought along is not such a key.
    #[error("{0}")]
    Unfit(String),
    /// OpenSSL failed.
    #[error("OpenSSL failed")]
    Crypto(#[from] ErrorStack),
}

/// The secret part of a key, in the form that is kept: PKCS #8 (RFC 5208), DER; of HS256 the secret
/// itself. Never shown.
#[derive(Clone)]
pub struct TokenSecret(Zeroizing<Vec<u8>>);

/// A key that can sign, before it is kept.
#[derive(Debug)]
pub struct TokenKeyPair {
    /// Its id: SHA-256 of its public key, in hex. Of HS256, where that would let everybody try
    /// secrets, a random one.
    pub kid: String,
    /// Its algorithm.
    pub algorithm: TokenAlgorithm,
    /// Its public part, PEM; none of HS256.
    pub public_pem: Option<String>,
    /// Its secret part.
    pub secret: TokenSecret,
}

/// The public part of a key, as RFC 7517 names its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicParts {
    /// A point on P-256.
    Ec {
        /// The first coordinate, 32 bytes.
        x: Vec<u8>,
        /// The second.
        y: Vec<u8>,
    },
    /// An Ed25519 key.
    Ed {
        /// The key, 32 bytes.
        x: Vec<u8>,
    },
    /// An RSA key.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
}

impl TokenSecret {
    /// Takes the bytes as they are kept.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for whoever signs or seals.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// An RSA key as PKCS #1 (RFC 8017, appendix A.1.2), DER.
    ///
    /// # Errors
    /// Where it is none.
    pub fn rsa_pkcs1(&self) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
        let key = PKey::private_key_from_pkcs8(&self.0)?;
        key.rsa()?.private_key_to_der().map(Zeroizing::new)
    }
}

impl std::fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSecret(…)")
    }
}

impl TokenKeyPair {
    /// A new key; of HS256 a secret of 256 bits.
    ///
    /// # Errors
    /// [`TokenKeyError::Crypto`].
    pub fn generate(algorithm: TokenAlgorithm) -> Result<Self, TokenKeyError> {
        let key = match algorithm {
            TokenAlgorithm::Es256 => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
                PKey::from_ec_key(EcKey::generate(&group)?)?
            }
            TokenAlgorithm::EdDsa => PKey::generate_ed25519()?,
            TokenAlgorithm::Rs256 => PKey::from_rsa(Rsa::generate(RSA_BITS)?)?,
            TokenAlgorithm::Hs256 => {
                let mut secret = vec![0; 32];
                openssl::rand::rand_priv_bytes(&mut secret)?;
                return Self::from_secret(TokenSecret::new(secret));
            }
        };
        Self::of(&key, algorithm)
    }

    /// A private key in PEM form, which must be one of this algorithm.
    ///
    /// # Errors
    /// [`TokenKeyError::Unfit`] says what is wrong with it.
    pub fn from_pem(pem: &[u8], algorithm: TokenAlgorithm) -> Result<Self, TokenKeyError> {
        if algorithm == TokenAlgorithm::Hs256 {
            let why = "an HS256 key is a secret, not a private key";
            return Err(TokenKeyError::Unfit(why.to_owned()));
        }
        // With no password at hand, OpenSSL would ask the terminal for one.
        let key = PKey::private_key_from_pem_callback(pem, |_| Ok(0)).map_err(|_| {
            let why = "it holds no private key in PEM form that can be read without a password";
            TokenKeyError::Unfit(why.to_owned())
        })?;
        check(&key, algorithm)?;
        Self::of(&key, algorithm)
    }

    /// An HS256 secret.
    ///
    /// # Errors
    /// [`TokenKeyError::Unfit`] where it is empty: anybody knows that one.
    pub fn from_secret(secret: TokenSecret) -> Result<Self, TokenKeyError> {
        if secret.expose().is_empty() {
            return Err(TokenKeyError::Unfit("the secret is empty".to_owned()));
        }
        let mut id = [0; 32];
        rand_bytes(&mut id)?;
        Ok(Self {
            kid: Sha256Digest::of(&id).to_string(),
            algorithm: TokenAlgorithm::Hs256,
            public_pem: None,
            secret,
        })
    }

    fn of(key: &PKey<Private>, algorithm: TokenAlgorithm) -> Result<Self, TokenKeyError> {
        let pem = String::from_utf8(key.public_key_to_pem()?);
        let pem = pem.map_err(|_| TokenKeyError::Unfit("its public part is no text".to_owned()))?;
        Ok(Self {
            kid: Sha256Digest::of(&key.public_key_to_der()?).to_string(),
            algorithm,
            public_pem: Some(pem),
            secret: TokenSecret::new(key.private_key_to_pkcs8()?),
        })
    }
}

impl PublicParts {
    /// The parts of a public key in PEM form, which must be one of this algorithm.
    ///
    /// # Errors
    /// [`TokenKeyError::Unfit`] says what is wrong with it.
    pub fn from_pem(pem: &str, algorithm: TokenAlgorithm) -> Result<Self, TokenKeyError> {
        let key = PKey::<Public>::public_key_from_pem(pem.as_bytes())
            .map_err(|_| TokenKeyError::Unfit("it holds no public key in PEM form".to_owned()))?;
        check(&key, algorithm)?;
        match algorithm {
            TokenAlgorithm::Es256 => {
                let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
                let (key, mut context) = (key.ec_key()?, BigNumContext::new()?);
                let point = key.public_key();
                point.affine_coordinates(key.group(), &mut x, &mut y, &mut context)?;
                Ok(Self::Ec {
                    x: x.to_vec_padded(COORDINATE)?,
                    y: y.to_vec_padded(COORDINATE)?,
                })
            }
            TokenAlgorithm::EdDsa => Ok(Self::Ed {
                x: key.raw_public_key()?,
            }),
            TokenAlgorithm::Rs256 => {
                let rsa = key.rsa()?;
                Ok(Self::Rsa {
                    n: rsa.n().to_vec(),
                    e: rsa.e().to_vec(),
                })
            }
            TokenAlgorithm::Hs256 => Err(unfit(algorithm)),
        }
    }
}

/// Whether a key is one of this algorithm, and strong enough.
fn check<T: HasPublic>(key: &PKeyRef<T>, algorithm: TokenAlgorithm) -> Result<(), TokenKeyError> {
    let fits = match algorithm {
        TokenAlgorithm::Es256 => {
            key.id() == Id::EC && key.ec_key()?.group().curve_name() == Some(Nid::X9_62_PRIME256V1)
        }
        TokenAlgorithm::EdDsa => key.id() == Id::ED25519,
        TokenAlgorithm::Rs256 => key.id() == Id::RSA && RSA_TAKEN.contains(&key.bits()),
        TokenAlgorithm::Hs256 => false,
    };
    if fits { Ok(()) } else { Err(unfit(algorithm)) }
}

fn unfit(algorithm: TokenAlgorithm) -> TokenKeyError {
    let wanted = match algorithm {
        TokenAlgorithm::Es256 => "a key on the curve P-256",
        TokenAlgorithm::EdDsa => "an Ed25519 key",
        TokenAlgorithm::Rs256 => "an RSA key of 2048 to 8192 bits",
        TokenAlgorithm::Hs256 => "a secret",
    };
    let name = algorithm.as_str();
    TokenKeyError::Unfit(format!("{name} needs {wanted}, and this is none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_for_its_own_algorithm_alone() {
        let asymmetric = [
            TokenAlgorithm::Es256,
            TokenAlgorithm::EdDsa,
            TokenAlgorithm::Rs256,
        ];
        for algorithm in asymmetric {
            let made = TokenKeyPair::generate(algorithm).unwrap();
            let key = PKey::private_key_from_pkcs8(made.secret.expose()).unwrap();
            let pem = key.private_key_to_pem_pkcs8().unwrap();
            for other in TokenAlgorithm::ALL {
                let taken = TokenKeyPair::from_pem(&pem, other);
                assert_eq!(
                    taken.is_ok(),
                    other == algorithm,
                    "{algorithm:?} as {other:?}"
                );
                let public = PublicParts::from_pem(made.public_pem.as_deref().unwrap(), other);
                assert_eq!(public.is_ok(), other == algorithm);
            }
            assert_eq!(
                TokenKeyPair::from_pem(&pem, algorithm).unwrap().kid,
                made.kid
            );
        }
    }

    #[test]
    fn other_curves_and_short_keys_are_refused() {
        let group = EcGroup::from_curve_name(Nid::SECP384R1).unwrap();
        let p384 = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let short = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
        for (key, algorithm) in [
            (p384, TokenAlgorithm::Es256),
            (short, TokenAlgorithm::Rs256),
        ] {
            let pem = key.private_key_to_pem_pkcs8().unwrap();
            assert!(TokenKeyPair::from_pem(&pem, algorithm).is_err());
        }
    }

    #[test]
    fn a_secret_shows_itself_nowhere_and_is_not_empty() {
        assert!(TokenKeyPair::from_secret(TokenSecret::new(Vec::new())).is_err());
        let one = TokenKeyPair::from_secret(TokenSecret::new(b"secret".to_vec())).unwrap();
        let other = TokenKeyPair::from_secret(TokenSecret::new(b"secret".to_vec())).unwrap();
        assert_ne!(one.kid, other.kid);
        assert!(!format!("{one:?}").contains("115, 101"));
        assert!(format!("{one:?}").contains("TokenSecret(…)"));
    }
}
