//! Akamai's `EdgeAuth` 2.0: fields joined by `~`, an HMAC-SHA256 behind them, in `__token__`.

use openssl::hash::MessageDigest;
use zeroize::Zeroizing;

use super::{
    InvalidProfile, SigningError, SigningKind, SigningProfile, Terms,
    encode::{hex, hmac, percent},
};

/// Bytes of a key at most: Akamai takes 64 hexadecimal digits.
const LONGEST: usize = 32;

pub(super) struct Key(Zeroizing<Vec<u8>>);

impl Key {
    pub fn of(profile: &SigningProfile) -> Result<Self, InvalidProfile> {
        let bytes = from_hex(profile.secret.expose());
        let bytes = bytes.filter(|bytes| (1..=LONGEST).contains(&bytes.len()));
        bytes.map(Self).ok_or(InvalidProfile::Secret {
            kind: SigningKind::Akamai,
            rule: "the encryption key in hexadecimal, an even number of digits, at most 64",
        })
    }

    /// The token's parameter for what these patterns match. Patterns, and no `url`: those are in the
    /// token, so that whoever holds one sees what it is for, and one form does for files and folders.
    pub fn query(&self, acls: &[&str], terms: &Terms) -> Result<String, SigningError> {
        for (delimiter, instead) in [('~', "%7E"), ('!', "%21")] {
            // It would begin another field, or another pattern.
            if acls.iter().any(|acl| acl.contains(delimiter)) {
                let kind = SigningKind::Akamai;
                return Err(SigningError::Path {
                    kind,
                    delimiter,
                    instead,
                });
            }
        }
        let ip = terms.ip.map(|ip| format!("ip={ip}"));
        let start = terms.not_before.map(|start| format!("st={start}"));
        let end = Some(format!("exp={}", terms.expires));
        let acl = Some(format!("acl={}", acls.join("!")));
        let id = terms
            .user
            .as_deref()
            .map(|user| format!("id={}", percent(user)));
        let fields: Vec<String> = [ip, start, end, acl, id].into_iter().flatten().collect();
        let fields = fields.join("~");
        let code = hmac(MessageDigest::sha256(), &self.0, &fields)?;
        Ok(format!("__token__={fields}~hmac={}", hex(&code)))
    }
}

fn from_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |b: &u8| {
        char::from(*b)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs
        .iter()
        .map(|[high, low]| Some(digit(high)? << 4 | digit(low)?));
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes.filter(|_| rest.is_empty()).map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::signed_url::SigningSecret;

    fn key(secret: &str) -> Result<Key, InvalidProfile> {
        Key::of(&SigningProfile {
            kind: SigningKind::Akamai,
            key_id: None,
            hash: None,
            secret: SigningSecret::new(secret.to_owned()),
        })
    }

    fn terms() -> Terms {
        let start = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        Terms::new(start, 3600).unwrap().not_before(start).unwrap()
    }

    #[test]
    fn the_published_vectors_come_out() {
        let key = key("00112233445566778899aabbccddeeff").unwrap();
        assert_eq!(
            key.query(&["/content/dist/rhel8/*"], &terms()).unwrap(),
            "__token__=st=1700000000~exp=1700003600~acl=/content/dist/rhel8/*\
             ~hmac=79ace8ac6a57ee6c991685e3ad138bfe971e5600042b5974373dcd49a8a07a50"
        );
        assert_eq!(
            key.query(&["/a/*", "/b/*"], &terms()).unwrap(),
            "__token__=st=1700000000~exp=1700003600~acl=/a/*!/b/*\
             ~hmac=b71b8a9e6058894f3c549d9cee1fb481d7dccce5ee290826b44fd3a6305bba85"
        );
    }

    #[test]
    fn every_field_has_its_place_and_none_ends_early() {
        let key = key("00").unwrap();
        let terms = terms().from_address("192.0.2.7".parse().unwrap());
        let terms = terms.for_user("a~acl=/*!ä").unwrap();
        let query = key.query(&["/x"], &terms).unwrap();
        let fields = "__token__=ip=192.0.2.7~st=1700000000~exp=1700003600~acl=/x~id=a%7Eacl%3D%2F%2A%21%C3%A4~hmac=";
        assert!(query.starts_with(fields), "{query}");
        for bad in ["/a~exp=9", "/a!/*"] {
            let refused = key.query(&[bad], &terms);
            assert!(matches!(refused, Err(SigningError::Path { .. })), "{bad}");
        }
    }

    #[test]
    fn a_key_is_hexadecimal() {
        assert!(key(&"aF".repeat(32)).is_ok());
        for bad in ["", "0", "0g", "0x00", "ää", " 00", &"00".repeat(33)] {
            assert!(key(bad).is_err(), "{bad:?} was taken");
        }
    }
}
