//! A profile that is ready to sign, for one CDN: what all kinds have in common.

use std::{fmt, sync::Arc};

use openssl::error::ErrorStack;
use thiserror::Error;
use url::{Position, Url};

use super::{
    ContentPath, InvalidProfile, PathPrefix, SigningKind, SigningProfile, Terms, akamai, bunny,
    cloudflare, cloudfront, fastly, nginx,
};

/// Signs URLs of one CDN; cheap to clone.
#[derive(Clone)]
pub struct UrlSigner(Arc<Inner>);

struct Inner {
    kind: SigningKind,
    /// Scheme and authority.
    origin: String,
    /// The CDN's own path, without a slash at its end: everything stands below it.
    base: String,
    key: Key,
}

/// A key, checked for its kind.
enum Key {
    Akamai(akamai::Key),
    CloudFront(cloudfront::Key),
    Fastly(fastly::Key),
    Bunny(bunny::Key),
    Cloudflare(cloudflare::Key),
    Nginx(nginx::Key),
}

/// A signature for everything below a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPrefix {
    /// The URL of the prefix itself. At Akamai and `CloudFront` its query goes behind each URL below;
    /// bunny.net's is followed by the rest of the path.
    pub url: String,
    /// Cookies that do the same, where the CDN takes some.
    pub cookies: Vec<Cookie>,
}

/// A cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

/// Why a URL was not signed.
#[derive(Debug, Error)]
pub enum SigningError {
    /// The kind signs single paths.
    #[error("{0} signs single paths and no prefix; send paths")]
    Prefix(SigningKind),
    /// The kind's signature has no place for an address: it would count from everywhere.
    #[error("{0} cannot bind a URL to an IP address; leave ip out")]
    Ip(SigningKind),
    /// One kind knows IPv4 alone.
    #[error("{0} can bind a URL to an IPv4 address alone; leave ip out")]
    IpVersion(SigningKind),
    /// The kind's signature has no place for a beginning: it would count at once.
    #[error("{0} cannot make a URL count later; leave notBefore out")]
    NotBefore(SigningKind),
    /// The path holds what the kind takes for something else.
    #[error("{kind} takes {delimiter} in a path for something else; write it as {instead}")]
    Path {
        /// The kind.
        kind: SigningKind,
        /// What it takes for something else.
        delimiter: char,
        /// How the same path is written without it.
        instead: &'static str,
    },
    /// OpenSSL could not sign.
    #[error("signing failed")]
    OpenSsl(#[from] ErrorStack),
}

impl UrlSigner {
    /// Gets ready to sign URLs of the CDN at `cdn_url`.
    ///
    /// # Errors
    /// [`InvalidProfile`] names what cannot be used.
    pub fn new(cdn_url: &str, profile: &SigningProfile) -> Result<Self, InvalidProfile> {
        let url = Url::parse(cdn_url).map_err(|_| InvalidProfile::Url)?;
        let kind = profile.kind;
        check_key_id(profile)?;
        if profile.hash.is_some() && !kind.has_hashes() {
            return Err(InvalidProfile::Hash(kind));
        }
        let key = match kind {
            SigningKind::Akamai => Key::Akamai(akamai::Key::of(profile)?),
            SigningKind::CloudFront => Key::CloudFront(cloudfront::Key::of(profile)?),
            SigningKind::Fastly => Key::Fastly(fastly::Key::of(profile)?),
            SigningKind::Bunny => Key::Bunny(bunny::Key::of(profile)?),
            SigningKind::Cloudflare => Key::Cloudflare(cloudflare::Key::of(profile)?),
            SigningKind::Nginx => Key::Nginx(nginx::Key::of(profile)?),
        };
        Ok(Self(Arc::new(Inner {
            kind,
            origin: url[..Position::BeforePath].to_owned(),
            base: url.path().trim_end_matches('/').to_owned(),
            key,
        })))
    }

    /// Signs the URL of one file.
    ///
    /// # Errors
    /// [`SigningError`].
    pub fn sign(&self, path: &ContentPath, terms: &Terms) -> Result<String, SigningError> {
        self.check_terms(terms)?;
        let path = format!("{}{path}", self.0.base);
        let url = format!("{}{path}", self.0.origin);
        let query = match &self.0.key {
            Key::Akamai(key) => key.query(&[&path], terms)?,
            Key::CloudFront(key) => key.of_file(&url, terms)?.query(),
            Key::Fastly(key) => key.query(&path, terms)?,
            Key::Bunny(key) => key.query(&path, terms)?,
            Key::Cloudflare(key) => key.query(&path, terms)?,
            Key::Nginx(key) => key.query(&path, terms)?,
        };
        Ok(format!("{url}?{query}"))
    }

    /// Signs everything below a prefix, where the kind can.
    ///
    /// # Errors
    /// [`SigningError`].
    pub fn sign_prefix(
        &self,
        prefix: &PathPrefix,
        terms: &Terms,
    ) -> Result<SignedPrefix, SigningError> {
        self.check_terms(terms)?;
        let folder = format!("{}{}/", self.0.base, prefix.as_str());
        let origin = &self.0.origin;
        let without_cookies = |url| SignedPrefix {
            url,
            cookies: Vec::new(),
        };
        match &self.0.key {
            Key::Akamai(key) => {
                let query = key.query(&[&format!("{folder}*")], terms)?;
                Ok(without_cookies(format!("{origin}{folder}?{query}")))
            }
            Key::CloudFront(key) => {
                let signed = key.below(&format!("{origin}{folder}"), terms)?;
                Ok(SignedPrefix {
                    url: format!("{origin}{folder}?{}", signed.query()),
                    cookies: signed.cookies(),
                })
            }
            Key::Bunny(key) => {
                let segment = key.segment(&folder, terms)?;
                Ok(without_cookies(format!("{origin}/{segment}{folder}")))
            }
            Key::Fastly(_) | Key::Cloudflare(_) | Key::Nginx(_) => {
                Err(SigningError::Prefix(self.0.kind))
            }
        }
    }

    /// Refuses terms that the kind would leave out: the URL would be worth more than was asked for.
    fn check_terms(&self, terms: &Terms) -> Result<(), SigningError> {
        use SigningKind::{Akamai, Bunny, CloudFront};
        let kind = self.0.kind;
        match terms.ip {
            Some(_) if !matches!(kind, Akamai | CloudFront | Bunny) => {
                return Err(SigningError::Ip(kind));
            }
            Some(ip) if kind == CloudFront && ip.is_ipv6() => {
                return Err(SigningError::IpVersion(kind));
            }
            _ => {}
        }
        if terms.not_before.is_some() && !matches!(kind, Akamai | CloudFront) {
            return Err(SigningError::NotBefore(kind));
        }
        Ok(())
    }
}

fn check_key_id(profile: &SigningProfile) -> Result<(), InvalidProfile> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let fits = match &profile.key_id {
        Some(id) => (1..=128).contains(&id.len()) && id.bytes().all(plain),
        None => profile.kind != SigningKind::CloudFront,
    };
    fits.then_some(()).ok_or(InvalidProfile::KeyId)
}

/// The key is not for logs.
impl fmt::Debug for UrlSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlSigner")
            .field("kind", &self.0.kind)
            .field("origin", &self.0.origin)
            .finish_non_exhaustive()
    }
}
