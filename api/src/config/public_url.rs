//! `http.public_url`: the URL at which clients see the service, for what is signed or links back.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

/// An absolute `http` or `https` URL: no query, no fragment, no user, no `/` at its end.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The URL; a path, with its leading `/`, may follow.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl From<PublicUrl> for String {
    fn from(url: PublicUrl) -> Self {
        url.0
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let url = Url::parse(&text).map_err(|error| format!("{text:?} is no URL: {error}"))?;
        let plain = url.username().is_empty() && url.password().is_none();
        let bare = url.query().is_none() && url.fragment().is_none();
        let web = matches!(url.scheme(), "http" | "https") && url.has_host();
        if !(plain && bare && web) {
            // A password may stand in it, so it is not quoted.
            return Err(
                "must be an absolute http or https URL without user, query or fragment, \
                        such as https://portolan.example.com"
                    .to_owned(),
            );
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_absolute_web_url_is_public() {
        let read = |text: &str| PublicUrl::try_from(text.to_owned());
        for (text, kept) in [
            (
                "https://Portolan.example.com/",
                "https://portolan.example.com",
            ),
            ("http://[::1]:7080", "http://[::1]:7080"),
            (
                "https://example.com/candlepin/",
                "https://example.com/candlepin",
            ),
        ] {
            assert_eq!(read(text).unwrap().as_str(), kept);
        }
        for bad in [
            "portolan.example.com",
            "ftp://example.com",
            "https://example.com?a=b",
            "https://example.com#a",
            "https://user@example.com",
            "/candlepin",
        ] {
            assert!(read(bad).is_err(), "{bad} was taken");
        }
    }
}
