//! What a check connects to and asks for.

use axum::http::uri::PathAndQuery;
use portolan_storage::Cdn;
use serde::Deserialize;
use url::{Host, Url};

use super::CheckRefusal;

/// A path below a CDN's URL, perhaps with a query.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CheckPath(String);

impl CheckPath {
    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for CheckPath {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl TryFrom<String> for CheckPath {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, &'static str> {
        // It goes into a request line: nothing in it may end that line, or a part of it (RFC 3986, 3.3
        // and 3.4).
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@/?".contains(&b);
        if text.starts_with('/')
            && text.len() <= 2048
            && text.bytes().all(plain)
            && text.parse::<PathAndQuery>().is_ok()
        {
            Ok(Self(text))
        } else {
            Err("a path must begin with /, have at most 2048 bytes, and be percent-encoded")
        }
    }
}

impl std::str::FromStr for CheckPath {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, &'static str> {
        text.to_owned().try_into()
    }
}

/// Where a check goes.
pub(super) struct Target {
    pub host: Host<String>,
    pub port: u16,
    pub is_https: bool,
    /// The request's target: the URL's own path, and the one that was asked for.
    pub path: PathAndQuery,
}

impl Target {
    pub fn of(cdn: &Cdn, path: &CheckPath) -> Result<Self, CheckRefusal> {
        let broken = || CheckRefusal::Internal(format!("the URL of the CDN {} is none", cdn.label));
        let url = Url::parse(&cdn.url).map_err(|_| broken())?;
        let base = url.path().trim_end_matches('/');
        Ok(Self {
            host: url.host().ok_or_else(broken)?.to_owned(),
            port: url.port_or_known_default().ok_or_else(broken)?,
            is_https: url.scheme() == "https",
            path: format!("{base}{}", path.as_str())
                .parse()
                .map_err(|_| broken())?,
        })
    }

    /// Host and port.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// What the header `Host` says: the port only where it is not the scheme's (RFC 9110, 7.2).
    pub fn host_header(&self) -> String {
        let usual = if self.is_https { 443 } else { 80 };
        if self.port == usual {
            self.host.to_string()
        } else {
            self.authority()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_part_of_a_request_line() {
        for good in ["/", "/content/dist/rhel?x=1&y=%20", "/a/../b"] {
            assert!(good.parse::<CheckPath>().is_ok(), "{good}");
        }
        let long = format!("/{}", "a".repeat(2048));
        for bad in [
            "",
            "a",
            "/a b",
            "/a\r\nHost: x",
            "/a#b",
            "/a<b",
            "/ä",
            "http://a/",
            &long,
        ] {
            assert!(bad.parse::<CheckPath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_path_stands_below_the_url() {
        let cdn = |url: &str| Cdn {
            id: 1,
            label: "mirror".parse().unwrap(),
            name: None,
            url: url.to_owned(),
            certificate: None,
            signing: None,
            created_at: None,
            updated_at: None,
        };
        let path = "/x?y".parse().unwrap();
        let target = Target::of(&cdn("https://[::1]:8443/base/"), &path).unwrap();
        assert_eq!(target.path, "/base/x?y");
        assert_eq!(
            (target.host_header(), target.port),
            ("[::1]:8443".to_owned(), 8443)
        );
        let target = Target::of(&cdn("http://cdn.example.com"), &path).unwrap();
        assert_eq!(
            (target.host_header().as_str(), target.port),
            ("cdn.example.com", 80)
        );
        assert_eq!((target.path.as_str(), target.is_https), ("/x?y", false));
    }
}
