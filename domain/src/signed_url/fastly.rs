//! Fastly's token validation: `token={exp}_{hex HMAC(path + exp)}`, checked by VCL of the operator's.

use openssl::{base64, hash::MessageDigest};
use zeroize::Zeroizing;

use super::{
    InvalidProfile, SigningError, SigningHash, SigningKind, SigningProfile, Terms,
    encode::{hex, hmac},
};

pub(super) struct Key {
    bytes: Zeroizing<Vec<u8>>,
    digest: MessageDigest,
}

impl Key {
    pub fn of(profile: &SigningProfile) -> Result<Self, InvalidProfile> {
        let decoded = base64::decode_block(profile.secret.expose()).map(Zeroizing::new);
        let bytes = decoded.ok().filter(|bytes| !bytes.is_empty());
        let digest = match profile.hash.unwrap_or(SigningHash::Sha1) {
            SigningHash::Sha1 => MessageDigest::sha1(),
            SigningHash::Sha256 => MessageDigest::sha256(),
        };
        let bytes = bytes.ok_or(InvalidProfile::Secret {
            kind: SigningKind::Fastly,
            rule: "the key in base64",
        })?;
        Ok(Self { bytes, digest })
    }

    pub fn query(&self, path: &str, terms: &Terms) -> Result<String, SigningError> {
        let expires = terms.expires;
        let code = hmac(self.digest, &self.bytes, &format!("{path}{expires}"))?;
        Ok(format!("token={expires}_{}", hex(&code)))
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::signed_url::SigningSecret;

    fn key(secret: &str, hash: Option<SigningHash>) -> Result<Key, InvalidProfile> {
        Key::of(&SigningProfile {
            kind: SigningKind::Fastly,
            key_id: None,
            hash,
            secret: SigningSecret::new(secret.to_owned()),
        })
    }

    #[test]
    fn the_published_vector_comes_out_and_sha256_too() {
        let start = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        let terms = Terms::new(start, 3600).unwrap();
        let secret = "d2F5YmlsbC10ZXN0LWtleQ==";
        let sha1 = key(secret, None).unwrap();
        assert_eq!(
            sha1.query("/content/dist/a.rpm", &terms).unwrap(),
            "token=1700003600_03ffc60ef3ccd08eb0201c9a468d6d9814c778c9"
        );
        // printf %s /content/dist/a.rpm1700003600 | openssl dgst -sha256 -hmac waybill-test-key
        let sha256 = key(secret, Some(SigningHash::Sha256)).unwrap();
        assert_eq!(
            sha256.query("/content/dist/a.rpm", &terms).unwrap(),
            "token=1700003600_fd20c48582001b3d7d5ac3d73008c106b0904bc04145426ad2cd0417ef886ece"
        );
    }

    #[test]
    fn a_key_is_base64() {
        for bad in ["", "a", "d2F5YmlsbC10ZXN0LWtleQ", "not base64!", "d2F5_-=="] {
            assert!(key(bad, None).is_err(), "{bad:?} was taken");
        }
    }
}
