//! Signature algorithms: canonical names, and which key each one needs.

use std::{fmt, str::FromStr};

use openssl::{
    hash::MessageDigest,
    pkey::{HasPublic, KeyType, PKeyRef},
};

/// An algorithm that signs a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 (RFC 8017) with SHA-256: also that of archives without `scheme.json`.
    Sha256WithRsa,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Sha384WithRsa,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Sha512WithRsa,
    /// ECDSA (FIPS 186-5) with SHA-256, signature in DER.
    Sha256WithEcdsa,
    /// ECDSA with SHA-384.
    Sha384WithEcdsa,
    /// ECDSA with SHA-512.
    Sha512WithEcdsa,
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ML-DSA-44 (FIPS 204).
    MlDsa44,
    /// ML-DSA-65 (FIPS 204).
    MlDsa65,
    /// ML-DSA-87 (FIPS 204).
    MlDsa87,
}

/// A name of no known algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownAlgorithm;

/// Why an algorithm and a key do not go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMisfit(pub String);

impl SignatureAlgorithm {
    const ALL: [Self; 10] = [
        Self::Sha256WithRsa,
        Self::Sha384WithRsa,
        Self::Sha512WithRsa,
        Self::Sha256WithEcdsa,
        Self::Sha384WithEcdsa,
        Self::Sha512WithEcdsa,
        Self::Ed25519,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
    ];

    /// The canonical name, as records show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256WithRsa => "SHA256withRSA",
            Self::Sha384WithRsa => "SHA384withRSA",
            Self::Sha512WithRsa => "SHA512withRSA",
            Self::Sha256WithEcdsa => "SHA256withECDSA",
            Self::Sha384WithEcdsa => "SHA384withECDSA",
            Self::Sha512WithEcdsa => "SHA512withECDSA",
            Self::Ed25519 => "Ed25519",
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    /// The digest that goes before the signature; none where the message is taken at once.
    #[must_use]
    pub fn digest(self) -> Option<MessageDigest> {
        match self {
            Self::Sha256WithRsa | Self::Sha256WithEcdsa => Some(MessageDigest::sha256()),
            Self::Sha384WithRsa | Self::Sha384WithEcdsa => Some(MessageDigest::sha384()),
            Self::Sha512WithRsa | Self::Sha512WithEcdsa => Some(MessageDigest::sha512()),
            Self::Ed25519 | Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => None,
        }
    }

    fn key_type(self) -> KeyType {
        match self {
            Self::Sha256WithRsa | Self::Sha384WithRsa | Self::Sha512WithRsa => KeyType::RSA,
            Self::Sha256WithEcdsa | Self::Sha384WithEcdsa | Self::Sha512WithEcdsa => KeyType::EC,
            Self::Ed25519 => KeyType::ED25519,
            Self::MlDsa44 => KeyType::ML_DSA_44,
            Self::MlDsa65 => KeyType::ML_DSA_65,
            Self::MlDsa87 => KeyType::ML_DSA_87,
        }
    }

    /// The names under which `key_algorithm` may call this algorithm's key.
    fn key_names(self) -> &'static [&'static str] {
        match self {
            Self::Sha256WithRsa | Self::Sha384WithRsa | Self::Sha512WithRsa => &["RSA"],
            Self::Sha256WithEcdsa | Self::Sha384WithEcdsa | Self::Sha512WithEcdsa => {
                &["EC", "ECDSA"]
            }
            Self::Ed25519 => &["Ed25519", "EdDSA"],
            Self::MlDsa44 => &["ML-DSA-44", "ML-DSA"],
            Self::MlDsa65 => &["ML-DSA-65", "ML-DSA"],
            Self::MlDsa87 => &["ML-DSA-87", "ML-DSA"],
        }
    }

    /// The name of its kind of key, as `key_algorithm` of a scheme says it.
    #[must_use]
    pub fn key_name(self) -> &'static str {
        self.key_names().first().copied().unwrap_or_default()
    }

    /// Whether `key_algorithm` of a scheme speaks of this algorithm's kind of key.
    #[must_use]
    pub fn is_key_name(self, name: &str) -> bool {
        self.key_names()
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Checks that `key` is of the kind and size that this algorithm needs. The algorithm that an
    /// archive names is a hint; the key of the trusted certificate decides.
    ///
    /// # Errors
    /// [`KeyMisfit`] says what the key is not.
    pub fn check_key<T: HasPublic>(self, key: &PKeyRef<T>) -> Result<(), KeyMisfit> {
        if !key.is_a(self.key_type()) {
            return Err(KeyMisfit(format!("its key is not one for {self}")));
        }
        let bits = key.bits();
        let (least, most) = if self.key_type() == KeyType::RSA {
            (2048, 8192)
        } else if self.key_type() == KeyType::EC {
            (256, 521)
        } else {
            return Ok(());
        };
        if (least..=most).contains(&bits) {
            return Ok(());
        }
        Err(KeyMisfit(format!(
            "its key has {bits} bits; {least} to {most} are allowed"
        )))
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SignatureAlgorithm {
    type Err = UnknownAlgorithm;
    /// Reads a name without regard to case: Candlepin writes `SHA256WithRSA`, Java `SHA256withRSA`.
    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        let same = |known: &Self| known.name().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(same).ok_or(UnknownAlgorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_without_case_and_written_canonical() {
        assert_eq!(
            "sha256WITHrsa".parse(),
            Ok(SignatureAlgorithm::Sha256WithRsa)
        );
        assert_eq!("ml-dsa-87".parse(), Ok(SignatureAlgorithm::MlDsa87));
        assert_eq!(
            "SHA1withRSA".parse::<SignatureAlgorithm>(),
            Err(UnknownAlgorithm)
        );
        assert_eq!("none".parse::<SignatureAlgorithm>(), Err(UnknownAlgorithm));
        for algorithm in SignatureAlgorithm::ALL {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
        }
    }

    #[test]
    fn a_key_of_another_kind_or_size_does_not_fit() {
        let ed25519 = openssl::pkey::PKey::generate_ed25519().unwrap();
        assert_eq!(SignatureAlgorithm::Ed25519.check_key(&ed25519), Ok(()));
        assert!(
            SignatureAlgorithm::Sha256WithRsa
                .check_key(&ed25519)
                .is_err()
        );
        let short = openssl::rsa::Rsa::generate(1024).unwrap();
        let short = openssl::pkey::PKey::from_rsa(short).unwrap();
        let KeyMisfit(why) = SignatureAlgorithm::Sha256WithRsa
            .check_key(&short)
            .unwrap_err();
        assert!(why.contains("1024 bits"), "{why}");
    }
}
