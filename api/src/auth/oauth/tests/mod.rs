//! Requests as clients sign them, by code of its own: were they signed by the code under test, both
//! could be wrong in the same way.

mod base_string;
mod header;
mod nonces;
mod properties;
mod signature;
mod signed_url;

use openssl::{hash::MessageDigest, pkey::PKey, sign::Signer};
use time::OffsetDateTime;

use super::OAuthRequest;

/// A value as clients.md has it.
pub const NOW: i64 = 1_795_321_590;
pub const SECRET: &str = "shhhhh";
pub const URL: &str =
    "http://localhost:9898/candlepin/entitlements/8a8081a98a1b2c3d018a1b2c3d4e0001/upstream_cert";

pub fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap()
}

/// A header with these values as they are, and others where `changes` names them.
pub fn header(changes: &[(&str, &str)]) -> String {
    let defaults = [
        ("oauth_consumer_key", "thumbslug"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "1795321590"),
        ("oauth_nonce", "1279054756552"),
        ("oauth_version", "1.0"),
        ("oauth_signature", "KldvoHjJXjiBDjiMKhz%2F8OkEzSE%3D"),
    ];
    let value = |name| changes.iter().find(|(changed, _)| *changed == name);
    let known = defaults.map(|pair| *value(pair.0).unwrap_or(&pair));
    let is_new = |name| defaults.iter().all(|(known, _)| *known != name);
    let new = changes.iter().copied().filter(|(name, _)| is_new(*name));
    let pairs: Vec<_> = known
        .into_iter()
        .chain(new)
        .map(|(name, value)| format!("{name}=\"{value}\""))
        .collect();
    format!("OAuth {}", pairs.join(", "))
}

/// A header without one of its parameters.
pub fn without(name: &str) -> String {
    let header = header(&[]);
    let pairs = header.trim_start_matches("OAuth ").split(", ");
    let pairs: Vec<_> = pairs
        .filter(|pair| !pair.starts_with(&format!("{name}=")))
        .collect();
    format!("OAuth {}", pairs.join(", "))
}

/// RFC 3986's encoding, written down once more.
pub fn escape(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// A client: signs a request for a URL without a query, with these parameters in the query.
pub struct Client<'a> {
    pub key: &'a str,
    pub secret: &'a str,
    pub nonce: &'a str,
    pub timestamp: i64,
}

impl Client<'_> {
    pub fn sign(&self, method: &str, base: &str, query: &[(String, String)]) -> OAuthRequest {
        let oauth = [
            ("oauth_consumer_key", self.key),
            ("oauth_nonce", self.nonce),
            ("oauth_signature_method", "HMAC-SHA256"),
            ("oauth_timestamp", &self.timestamp.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut all: Vec<_> = oauth
            .iter()
            .chain(query)
            .map(|(name, value)| (escape(name), escape(value)))
            .collect();
        all.sort();
        let all: Vec<_> = all
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let text = format!("{method}&{}&{}", escape(base), escape(&all.join("&")));
        let key = PKey::hmac(format!("{}&", escape(self.secret)).as_bytes()).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
        let code = signer.sign_oneshot_to_vec(text.as_bytes()).unwrap();
        let signature = escape(&openssl::base64::encode_block(&code));
        let pairs: Vec<_> = oauth
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
            .collect();
        let header = format!("OAuth {},oauth_signature=\"{signature}\"", pairs.join(","));
        OAuthRequest::parse(&header).unwrap()
    }
}
