//! Reads `Authorization: OAuth …` (RFC 5849, 3.5.1), strictly: what two parsers could read in two
//! ways is refused, for then one of them might check what the other does not use.

use super::{encoding, error::HeaderFault};

/// Bytes that a value may have.
const LONGEST: usize = 255;

/// The parameters of a header, decoded.
#[derive(Default)]
pub struct Parameters {
    realm: Option<String>,
    consumer_key: Option<String>,
    token: Option<String>,
    method: Option<String>,
    signature: Option<String>,
    timestamp: Option<String>,
    nonce: Option<String>,
    version: Option<String>,
    /// An extension that many libraries add by themselves. It is signed like all parameters; the body
    /// is not compared with it, as a client that leaves it out protects its body as little.
    body_hash: Option<String>,
}

/// How a signature is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    HmacSha1,
    HmacSha256,
}

impl Parameters {
    pub fn parse(header: &str) -> Result<Self, HeaderFault> {
        let (scheme, mut rest) = header.split_once(' ').ok_or(HeaderFault::Scheme)?;
        if !scheme.eq_ignore_ascii_case("oauth") {
            return Err(HeaderFault::Scheme);
        }
        let mut parameters = Self::default();
        loop {
            let (name, value, behind) = pair(rest).ok_or(HeaderFault::NotAList)?;
            parameters.take(name, value)?;
            if behind.is_empty() {
                return Ok(parameters);
            }
            rest = behind.strip_prefix(',').ok_or(HeaderFault::NotAList)?;
        }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), HeaderFault> {
        let (name, slot) = match name {
            "realm" => ("realm", &mut self.realm),
            "oauth_consumer_key" => ("oauth_consumer_key", &mut self.consumer_key),
            "oauth_token" => ("oauth_token", &mut self.token),
            "oauth_signature_method" => ("oauth_signature_method", &mut self.method),
            "oauth_signature" => ("oauth_signature", &mut self.signature),
            "oauth_timestamp" => ("oauth_timestamp", &mut self.timestamp),
            "oauth_nonce" => ("oauth_nonce", &mut self.nonce),
            "oauth_version" => ("oauth_version", &mut self.version),
            "oauth_body_hash" => ("oauth_body_hash", &mut self.body_hash),
            _ => return Err(HeaderFault::Unknown),
        };
        // The realm is a quoted string of HTTP's, and nothing is done with it.
        let value = if name == "realm" {
            String::new()
        } else {
            decoded(name, value)?
        };
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(HeaderFault::Twice(name)),
        }
    }

    /// Those that are signed: all but the realm and the signature (3.4.1.3.1).
    pub fn signed(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = [
            ("oauth_body_hash", &self.body_hash),
            ("oauth_consumer_key", &self.consumer_key),
            ("oauth_nonce", &self.nonce),
            ("oauth_signature_method", &self.method),
            ("oauth_timestamp", &self.timestamp),
            ("oauth_token", &self.token),
            ("oauth_version", &self.version),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }

    pub fn consumer_key(&self) -> Result<&str, HeaderFault> {
        plain("oauth_consumer_key", self.consumer_key.as_deref())
    }

    pub fn nonce(&self) -> Result<&str, HeaderFault> {
        plain("oauth_nonce", self.nonce.as_deref())
    }

    pub fn signature(&self) -> Result<&str, HeaderFault> {
        plain("oauth_signature", self.signature.as_deref())
    }

    pub fn algorithm(&self) -> Result<Algorithm, HeaderFault> {
        match plain("oauth_signature_method", self.method.as_deref())? {
            "HMAC-SHA1" => Ok(Algorithm::HmacSha1),
            "HMAC-SHA256" => Ok(Algorithm::HmacSha256),
            _ => Err(HeaderFault::Method),
        }
    }

    /// Seconds since 1970.
    pub fn timestamp(&self) -> Result<i64, HeaderFault> {
        let text = plain("oauth_timestamp", self.timestamp.as_deref())?;
        // Rust would take a sign, too.
        let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
        let seconds = text.parse().ok().filter(|_| digits);
        seconds.ok_or(HeaderFault::Timestamp)
    }

    pub fn check_version_and_token(&self) -> Result<(), HeaderFault> {
        if self.version.as_deref().is_some_and(|text| text != "1.0") {
            return Err(HeaderFault::Version);
        }
        if self.token.as_deref().is_some_and(|text| !text.is_empty()) {
            return Err(HeaderFault::Token);
        }
        Ok(())
    }
}

/// Splits `name="value"` off, with the spacing around it but none within.
fn pair(text: &str) -> Option<(&str, &str, &str)> {
    let blank = [' ', '\t'];
    let (name, rest) = text.trim_start_matches(blank).split_once("=\"")?;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_-.~%".contains(&b);
    if !name.bytes().all(is_name) {
        return None;
    }
    let mut escaped = false;
    let end = rest.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    let behind = rest.get(end + 1..)?.trim_start_matches(blank);
    Some((name, rest.get(..end)?, behind))
}

/// Some clients leave `+`, `/` and `=` of a signature as they are, which has one meaning only; what
/// could have two (blanks, backslashes, broken escapes) is refused.
fn decoded(name: &'static str, value: &str) -> Result<String, HeaderFault> {
    let fault = HeaderFault::Encoding(name);
    if !value.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return Err(fault);
    }
    let bytes = encoding::decode(value).map_err(|_| fault)?;
    let text = String::from_utf8(bytes).map_err(|_| fault)?;
    if text.len() > LONGEST {
        return Err(HeaderFault::TooLong(name));
    }
    if text.chars().any(char::is_control) {
        return Err(HeaderFault::Control(name));
    }
    Ok(text)
}

fn plain<'a>(name: &'static str, value: Option<&'a str>) -> Result<&'a str, HeaderFault> {
    match value {
        None => Err(HeaderFault::Missing(name)),
        Some("") => Err(HeaderFault::Empty(name)),
        Some(text) => Ok(text),
    }
}
