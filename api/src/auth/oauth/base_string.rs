//! The text that is signed (RFC 5849, 3.4.1). Client and server must arrive at the same bytes, so this
//! follows the RFC to the letter.

use std::fmt::Write;

use axum::http::{Method, Uri};

use super::{
    encoding::{decode, encode},
    error::OAuthError,
};

/// Name and value, decoded.
type Parameter = (Vec<u8>, Vec<u8>);

/// The URL's parts as they are signed.
pub struct SignedUrl {
    /// Scheme, authority and path (3.4.1.2).
    pub base: String,
    query: Vec<Parameter>,
}

impl SignedUrl {
    pub fn parse(url: &str) -> Result<Self, OAuthError> {
        let uri: Uri = url.parse().map_err(|_| OAuthError::Url("it is no URL"))?;
        let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return Err(OAuthError::Url("it must begin with http:// or https://")),
        };
        let port = port(&uri).map_err(|()| OAuthError::Url("its port is no number"))?;
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let path = uri.path();
        let base = match port.filter(|port| *port != default_port) {
            Some(port) => format!("{scheme}://{host}:{port}{path}"),
            None => format!("{scheme}://{host}{path}"),
        };
        let query = query(uri.query().unwrap_or_default())?;
        Ok(Self { base, query })
    }

    /// The base string, with these parameters of other places.
    pub fn base_string<'a>(
        &self,
        method: &Method,
        others: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> String {
        let others = others.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let query = self.query.iter().map(|(name, value)| (&**name, &**value));
        let mut all: Vec<(String, String)> = others
            .chain(query)
            .map(|(name, value)| (encode(name).to_string(), encode(value).to_string()))
            .collect();
        // By the encoded bytes, names before values (3.4.1.3.2).
        all.sort_unstable();
        let all: Vec<_> = all
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut text = method.as_str().to_ascii_uppercase();
        for part in [self.base.as_bytes(), all.join("&").as_bytes()] {
            // Writing to a String cannot fail.
            let _ = write!(text, "&{}", encode(part));
        }
        text
    }
}

/// The port that a URL names. The libraries take `+80`, and say "none" of one that is too large: two
/// URLs would then have one signature.
fn port(uri: &Uri) -> Result<Option<u16>, ()> {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host_and_port = authority.rsplit('@').next().unwrap_or_default();
    let behind = host_and_port
        .get(uri.host().unwrap_or_default().len()..)
        .ok_or(())?;
    match behind.strip_prefix(':') {
        None if behind.is_empty() => Ok(None),
        Some("") => Ok(None),
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().map(Some).map_err(|_| ())
        }
        _ => Err(()),
    }
}

/// The query's parameters, as a form would be read (3.4.1.3.1), but byte for byte: readers of forms
/// replace what is not UTF-8, whereby different queries would become the same.
fn query(text: &str) -> Result<Vec<Parameter>, OAuthError> {
    let form = |text: &str| {
        let fault = OAuthError::Url("a % in its query has no two hexadecimal digits behind it");
        decode(&text.replace('+', " ")).map_err(|_| fault)
    };
    let mut parameters = Vec::new();
    for piece in text.split('&').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let (name, value) = (form(name)?, form(value)?);
        // They would be signed, too, and could be taken for those of the header.
        if name.starts_with(b"oauth_") {
            return Err(OAuthError::Url(
                "its query has OAuth parameters, which belong into the header",
            ));
        }
        parameters.push((name, value));
    }
    Ok(parameters)
}
