//! Where content is: the base URL of a CDN, kept as given and compared normalized.

use std::fmt;

use thiserror::Error;
use url::Url;

/// The CDN of a manifest that names none.
pub const DEFAULT_CDN_URL: &str = "https://cdn.redhat.com:443";

/// Whether plain `http` may be a CDN (`import.allow_http_cdn`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpCdn {
    /// Only `https`.
    #[default]
    Refused,
    /// `http` too, for a mirror inside a trusted network.
    Allowed,
}

/// A checked CDN URL: `https` (or `http` where allowed), a host, no user info, no fragment.
///
/// Equality is of the normalized URL: the default port and a trailing slash do not count.
#[derive(Clone)]
pub struct CdnUrl {
    given: String,
    normalized: String,
}

/// Why a text cannot be a CDN URL. The text itself is left out: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidCdnUrl {
    /// Not an absolute URL.
    #[error("is not an absolute URL ({0})")]
    NotAUrl(url::ParseError),
    /// Neither `https` nor an allowed `http`.
    #[error("has the scheme {0}; only https is allowed (http with import.allow_http_cdn)")]
    Scheme(String),
    /// A user or password before the host.
    #[error("holds a user name or password; remove it")]
    UserInfo,
    /// A `#fragment`.
    #[error("has a fragment; remove everything from # on")]
    Fragment,
    /// No `//` and host behind the scheme.
    #[error("has no host; it must begin like https://cdn.example.com")]
    NoHost,
    /// A host that parsers read in different ways: escapes, short IP addresses, other scripts.
    #[error(
        "has a host that is not written plainly; write the name in ASCII (IDNA) or the whole IP address"
    )]
    Host,
    /// White space, control characters or backslashes, which URL parsers mend without a word.
    #[error("has white space, control characters or backslashes, or is over 2048 bytes long")]
    Characters,
}

impl CdnUrl {
    /// Checks `text` as a CDN URL.
    ///
    /// # Errors
    /// [`InvalidCdnUrl`] names what is wrong.
    pub fn parse(text: &str, http: HttpCdn) -> Result<Self, InvalidCdnUrl> {
        let strange = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
        if text.len() > 2048 || text.chars().any(strange) {
            return Err(InvalidCdnUrl::Characters);
        }
        let url = Url::parse(text).map_err(InvalidCdnUrl::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if http == HttpCdn::Allowed => {}
            other => return Err(InvalidCdnUrl::Scheme(other.to_owned())),
        }
        // URL parsers mend `https:host`, `https:///host` and odd host names, each in its own way: what
        // is kept as given must be what every one of them reads.
        let rest = text
            .get(url.scheme().len()..)
            .and_then(|rest| rest.strip_prefix("://"));
        let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
        let authority = authority.filter(|authority| !authority.is_empty());
        let authority = authority.ok_or(InvalidCdnUrl::NoHost)?;
        if !url.username().is_empty() || url.password().is_some() || authority.contains('@') {
            return Err(InvalidCdnUrl::UserInfo);
        }
        let host = url.host_str().unwrap_or_default();
        let port = authority.get(host.len()..).unwrap_or_default();
        let same = authority
            .get(..host.len())
            .is_some_and(|given| given.eq_ignore_ascii_case(host));
        if host.is_empty() || !same || !(port.is_empty() || port.starts_with(':')) {
            return Err(InvalidCdnUrl::Host);
        }
        if url.fragment().is_some() {
            return Err(InvalidCdnUrl::Fragment);
        }
        Ok(Self::from_parsed(text, &url))
    }

    /// A URL that was checked when it was stored.
    ///
    /// # Errors
    /// [`InvalidCdnUrl::NotAUrl`] where the stored text is no URL any more.
    pub fn from_stored(text: &str) -> Result<Self, InvalidCdnUrl> {
        let url = Url::parse(text).map_err(InvalidCdnUrl::NotAUrl)?;
        Ok(Self::from_parsed(text, &url))
    }

    fn from_parsed(text: &str, url: &Url) -> Self {
        Self {
            given: text.to_owned(),
            normalized: url.as_str().trim_end_matches('/').to_owned(),
        }
    }

    /// The URL as it was given.
    #[must_use]
    pub fn as_given(&self) -> &str {
        &self.given
    }

    /// The form in which two URLs of one CDN are equal.
    #[must_use]
    pub fn normalized(&self) -> &str {
        &self.normalized
    }
}

impl PartialEq for CdnUrl {
    fn eq(&self, other: &Self) -> bool {
        self.normalized == other.normalized
    }
}

impl Eq for CdnUrl {}

impl fmt::Display for CdnUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

impl fmt::Debug for CdnUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<CdnUrl, InvalidCdnUrl> {
        CdnUrl::parse(text, HttpCdn::Refused)
    }

    #[test]
    fn is_kept_as_given_and_compared_normalized() {
        let url = parse("https://CDN.example.com:443/").unwrap();
        assert_eq!(url.as_given(), "https://CDN.example.com:443/");
        assert_eq!(url, parse("https://cdn.example.com").unwrap());
        assert_ne!(url, parse("https://cdn.example.com:8443").unwrap());
        assert!(parse(DEFAULT_CDN_URL).is_ok());
    }

    #[test]
    fn what_is_no_cdn_is_refused_with_its_reason() {
        use InvalidCdnUrl as E;
        assert_eq!(parse("http://a.example"), Err(E::Scheme("http".into())));
        assert!(CdnUrl::parse("http://a.example", HttpCdn::Allowed).is_ok());
        assert_eq!(parse("ftp://a.example"), Err(E::Scheme("ftp".into())));
        assert_eq!(parse("https://u:p@a.example"), Err(E::UserInfo));
        assert_eq!(parse("https://@a.example"), Err(E::UserInfo));
        assert_eq!(parse("https://a.example/#x"), Err(E::Fragment));
        assert_eq!(parse("https://a.example/\n"), Err(E::Characters));
        assert_eq!(parse("https:\\\\@a.example"), Err(E::Characters));
        assert!(matches!(parse("https://"), Err(E::NotAUrl(_))));
        assert!(matches!(parse("cdn.example.com"), Err(E::NotAUrl(_))));
        assert!(matches!(parse(""), Err(E::NotAUrl(_))));
        for odd in [
            "https:a.example",
            "https:/a.example",
            "https:///a.example",
            "https:///@a.example",
        ] {
            assert_eq!(parse(odd), Err(E::NoHost), "{odd}");
        }
        for odd in [
            "https://ex%61mple.com",
            "https://127.1",
            "https://b\u{fc}cher.example",
        ] {
            assert_eq!(parse(odd), Err(E::Host), "{odd}");
        }
        for plain in [
            "https://[::1]:8443/x",
            "https://127.0.0.1",
            "HTTPS://A.example:443",
        ] {
            assert!(parse(plain).is_ok(), "{plain} was refused");
        }
    }
}
