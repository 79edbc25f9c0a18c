//! nginx's `secure_link_md5 "$secure_link_expires$uri <secret>"`, as its manual has it.

use openssl::hash::{MessageDigest, hash};
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::{InvalidProfile, SigningError, SigningKind, SigningProfile, Terms, encode::base64url};

pub(super) struct Key(Zeroizing<Vec<u8>>);

impl Key {
    pub fn of(profile: &SigningProfile) -> Result<Self, InvalidProfile> {
        profile.secret.text(SigningKind::Nginx).map(Self)
    }

    /// MD5 is nginx's choice. The secret stands last, so that nothing can be appended to what was signed.
    pub fn query(&self, path: &str, terms: &Terms) -> Result<String, SigningError> {
        let expires = terms.expires;
        // `$uri` is decoded, unlike `$request_uri`.
        let uri: Vec<u8> = percent_decode_str(path).collect();
        let parts = [expires.to_string().as_bytes(), &uri, b" ", &self.0].concat();
        let digest = hash(MessageDigest::md5(), &Zeroizing::new(parts))?;
        Ok(format!("md5={}&expires={expires}", base64url(&digest)))
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::signed_url::SigningSecret;

    fn key(secret: &str) -> Result<Key, InvalidProfile> {
        Key::of(&SigningProfile {
            kind: SigningKind::Nginx,
            key_id: None,
            hash: None,
            secret: SigningSecret::new(secret.to_owned()),
        })
    }

    #[test]
    fn signs_what_nginx_sees() {
        let start = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        let terms = Terms::new(start, 3600).unwrap();
        let key = key("secret").unwrap();
        // printf %s '1700003600/content/dist/a.rpm secret' |
        //   openssl md5 -binary | openssl base64 | tr +/ -_ | tr -d =
        assert_eq!(
            key.query("/content/dist/a.rpm", &terms).unwrap(),
            "md5=XOXeq_uazr5YN_2i6kOohg&expires=1700003600"
        );
        // The same of '1700003600/content/a b.rpm secret'.
        assert_eq!(
            key.query("/content/a%20b.rpm", &terms).unwrap(),
            "md5=spsGdQDGzsNl36O6kULL-Q&expires=1700003600"
        );
    }

    #[test]
    fn a_key_is_one_line() {
        for bad in ["", "a\nb", &"a".repeat(1025)] {
            assert!(key(bad).is_err(), "{bad:?} was taken");
        }
    }
}
