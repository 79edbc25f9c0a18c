//! Sealing: AES-256-GCM (NIST SP 800-38D) with a data key per owner, itself sealed by the master key.
//!
//! A sealed value is `1 || nonce (12) || ciphertext || tag (16)`. The associated data names table,
//! owner and row, so that a value copied to another row does not open there. A database that was
//! copied without the master key file is useless.

use std::sync::Arc;

use openssl::{
    hash::MessageDigest,
    pkey::PKey,
    rand::{rand_bytes, rand_priv_bytes},
    sign::Signer,
    symm::{Cipher, decrypt_aead, encrypt_aead},
};
use portolan_domain::digest::Sha256Digest;
use zeroize::Zeroizing;

use crate::error::{Result, StorageError};

const VERSION: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;
/// Bytes of a key.
pub(crate) const KEY: usize = 32;

/// A 256-bit key that seals.
#[derive(Clone)]
pub(crate) struct SealingKey(Arc<Zeroizing<[u8; KEY]>>);

/// Where a sealed value belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub table: &'static str,
    pub owner: i64,
    pub row: &'a str,
}

impl Place<'_> {
    fn associated_data(self) -> Vec<u8> {
        format!("portolan\0{}\0{}\0{}", self.table, self.owner, self.row).into_bytes()
    }
}

impl SealingKey {
    pub fn generate() -> Result<Self> {
        let mut key = Zeroizing::new([0; KEY]);
        rand_priv_bytes(&mut *key).map_err(StorageError::Seal)?;
        Ok(Self(Arc::new(key)))
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; KEY]);
        (bytes.len() == KEY).then(|| key.copy_from_slice(bytes))?;
        Some(Self(Arc::new(key)))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &**self.0
    }

    /// Authenticates `bytes` for one purpose (HMAC-SHA256 under a key of that purpose's own).
    pub fn authenticate(&self, purpose: &str, bytes: &[u8]) -> Result<Sha256Digest> {
        let key = Zeroizing::new(hmac(self.as_bytes(), purpose.as_bytes())?);
        let code = hmac(&key, bytes)?;
        Ok(Sha256Digest::from_bytes(&code).unwrap_or_else(|| Sha256Digest::of(&code)))
    }

    /// Seals `plain` for `place`.
    pub fn seal(&self, plain: &[u8], place: Place<'_>) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE];
        let mut tag = [0; TAG];
        rand_bytes(&mut nonce).map_err(StorageError::Seal)?;
        let aad = place.associated_data();
        let cipher = Cipher::aes_256_gcm();
        let sealed = encrypt_aead(cipher, self.as_bytes(), Some(&nonce), &aad, plain, &mut tag)
            .map_err(StorageError::Seal)?;
        Ok([&[VERSION], &nonce[..], &sealed, &tag].concat())
    }

    /// Opens what was sealed for `place`. Fails where the key, the place or a byte is another one.
    pub fn open(&self, sealed: &[u8], place: Place<'_>) -> Result<Zeroizing<Vec<u8>>> {
        let corrupt = || StorageError::Corrupt {
            table: place.table,
            column: "sealed value",
            row: place.row.to_owned(),
        };
        let (version, rest) = sealed.split_first().ok_or_else(corrupt)?;
        if *version != VERSION || rest.len() < NONCE + TAG {
            return Err(corrupt());
        }
        let (nonce, rest) = rest.split_at(NONCE);
        let (body, tag) = rest.split_at(rest.len() - TAG);
        let aad = place.associated_data();
        let cipher = Cipher::aes_256_gcm();
        decrypt_aead(cipher, self.as_bytes(), Some(nonce), &aad, body, tag)
            .map(Zeroizing::new)
            .map_err(|_| corrupt())
    }
}

fn hmac(key: &[u8], bytes: &[u8]) -> Result<Vec<u8>> {
    let key = PKey::hmac(key).map_err(StorageError::Seal)?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key).map_err(StorageError::Seal)?;
    signer
        .sign_oneshot_to_vec(bytes)
        .map_err(StorageError::Seal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place {
        table: "entitlements",
        owner: 1,
        row: "a",
    };

    #[test]
    fn what_was_sealed_opens_only_in_its_place_and_with_its_key() {
        let key = SealingKey::generate().unwrap();
        let sealed = key.seal(b"secret", PLACE).unwrap();
        assert_eq!(&**key.open(&sealed, PLACE).unwrap(), b"secret");
        assert!(!sealed.windows(6).any(|bytes| bytes == b"secret"));
        for other in [
            Place {
                table: "upstream_consumers",
                ..PLACE
            },
            Place { owner: 2, ..PLACE },
            Place { row: "b", ..PLACE },
        ] {
            assert!(key.open(&sealed, other).is_err(), "{other:?} opened it");
        }
        assert!(
            SealingKey::generate()
                .unwrap()
                .open(&sealed, PLACE)
                .is_err()
        );
    }

    #[test]
    fn a_changed_byte_does_not_open() {
        let key = SealingKey::generate().unwrap();
        let sealed = key.seal(b"secret", PLACE).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(
                key.open(&changed, PLACE).is_err(),
                "byte {at} may be changed"
            );
            assert!(key.open(&sealed[..at], PLACE).is_err(), "{at} bytes opened");
        }
    }

    #[test]
    fn the_same_text_is_sealed_differently_each_time() {
        let key = SealingKey::generate().unwrap();
        assert_ne!(
            key.seal(b"x", PLACE).unwrap(),
            key.seal(b"x", PLACE).unwrap()
        );
    }
}
