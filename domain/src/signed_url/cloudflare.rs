//! Cloudflare's token authentication: `verify={ts}-{base64 HMAC-SHA256(key, path + ts)}`, the last
//! parameter. `ts` is the time of issue; for how long it counts is in the operator's rule there.

use openssl::{base64, hash::MessageDigest};
use zeroize::Zeroizing;

use super::{
    InvalidProfile, SigningError, SigningKind, SigningProfile, Terms,
    encode::{hmac, percent},
};

pub(super) struct Key(Zeroizing<Vec<u8>>);

impl Key {
    pub fn of(profile: &SigningProfile) -> Result<Self, InvalidProfile> {
        profile.secret.text(SigningKind::Cloudflare).map(Self)
    }

    pub fn query(&self, path: &str, terms: &Terms) -> Result<String, SigningError> {
        Ok(format!("verify={}", percent(&self.token(path, terms)?)))
    }

    fn token(&self, path: &str, terms: &Terms) -> Result<String, SigningError> {
        let issued_at = terms.issued_at;
        let code = hmac(
            MessageDigest::sha256(),
            &self.0,
            &format!("{path}{issued_at}"),
        )?;
        Ok(format!("{issued_at}-{}", base64::encode_block(&code)))
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::signed_url::SigningSecret;

    #[test]
    fn the_published_vector_comes_out_percent_encoded() {
        let key = Key::of(&SigningProfile {
            kind: SigningKind::Cloudflare,
            key_id: None,
            hash: None,
            secret: SigningSecret::new("mysecrettoken".to_owned()),
        });
        let issued_at = OffsetDateTime::from_unix_timestamp(1_484_063_137).unwrap();
        let (key, terms) = (key.unwrap(), Terms::new(issued_at, 60).unwrap());
        assert_eq!(
            key.token("/content/dist/a.rpm", &terms).unwrap(),
            "1484063137-OyYpNCIOysI0WXunanbXv7smeIa6E9ylZB4tSvN5WGU="
        );
        assert_eq!(
            key.query("/content/dist/a.rpm", &terms).unwrap(),
            "verify=1484063137-OyYpNCIOysI0WXunanbXv7smeIa6E9ylZB4tSvN5WGU%3D"
        );
    }
}
