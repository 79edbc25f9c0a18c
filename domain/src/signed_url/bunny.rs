//! bunny.net's token authentication, version 2: for a file in the query, for a folder as a segment of the
//! path, which relative links keep.

use std::collections::BTreeMap;

use openssl::hash::MessageDigest;
use zeroize::Zeroizing;

use super::{
    InvalidProfile, SigningError, SigningKind, SigningProfile, Terms,
    encode::{base64url, hmac, percent},
};

/// What a token is bound to beside path and time; sorted, as it is signed.
type Parameters<'a> = BTreeMap<&'static str, &'a str>;

pub(super) struct Key(Zeroizing<Vec<u8>>);

impl Key {
    pub fn of(profile: &SigningProfile) -> Result<Self, InvalidProfile> {
        profile.secret.text(SigningKind::Bunny).map(Self)
    }

    /// The query of one file's URL.
    pub fn query(&self, path: &str, terms: &Terms) -> Result<String, SigningError> {
        let token = self.token(path, terms, &Parameters::new())?;
        Ok(format!("token={token}&expires={}", terms.expires))
    }

    /// The segment that stands before the path of everything in a folder.
    pub fn segment(&self, folder: &str, terms: &Terms) -> Result<String, SigningError> {
        let token = self.token(folder, terms, &Parameters::from([("token_path", folder)]))?;
        let (path, expires) = (percent(folder), terms.expires);
        Ok(format!(
            "bcdn_token={token}&token_path={path}&expires={expires}"
        ))
    }

    fn token(
        &self,
        path: &str,
        terms: &Terms,
        parameters: &Parameters<'_>,
    ) -> Result<String, SigningError> {
        let ip = terms.ip.map(|ip| ip.to_string()).unwrap_or_default();
        let parameters = parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let parameters = parameters.collect::<Vec<_>>().join("&");
        let text = format!("{path}{}{ip}{parameters}", terms.expires);
        let code = hmac(MessageDigest::sha256(), &self.0, &text)?;
        Ok(format!("HS256-{}", base64url(&code)))
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::signed_url::SigningSecret;

    fn key() -> Key {
        let profile = SigningProfile {
            kind: SigningKind::Bunny,
            key_id: None,
            hash: None,
            secret: SigningSecret::new("SecurityKey".to_owned()),
        };
        Key::of(&profile).unwrap()
    }

    fn terms() -> Terms {
        let start = OffsetDateTime::from_unix_timestamp(1_598_024_527).unwrap();
        Terms::new(start, 60).unwrap()
    }

    #[test]
    fn the_published_vector_comes_out() {
        let parameters = Parameters::from([("token_path", "/"), ("token_countries", "CA")]);
        assert_eq!(
            key().token("/", &terms(), &parameters).unwrap(),
            "HS256-JWU7jhpnBGI-O54AYDAtrlZT86Ied4RTO2-Y8mUj60A"
        );
    }

    #[test]
    fn a_file_a_folder_and_an_address_are_signed_each_in_its_way() {
        let file = key().query("/a/b", &terms()).unwrap();
        assert!(file.starts_with("token=HS256-") && file.ends_with("&expires=1598024587"));
        let folder = key().segment("/a/", &terms()).unwrap();
        assert!(folder.starts_with("bcdn_token=HS256-"), "{folder}");
        assert!(
            folder.ends_with("&token_path=%2Fa%2F&expires=1598024587"),
            "{folder}"
        );
        let bound = terms().from_address("192.0.2.7".parse().unwrap());
        assert_ne!(key().query("/a/b", &bound).unwrap(), file);
    }
}
