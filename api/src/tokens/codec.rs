//! The compact form of a token (RFC 7515, section 3.1): strict base64url, three parts, bounded.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::de::DeserializeOwned;

use super::{error::InvalidToken, header::Header};

/// Bytes of a token at most: a header line that every server takes.
pub const LONGEST: usize = 16 << 10;

/// The parts of a token of which nothing is believed yet.
pub struct Parts<'a> {
    pub header: Header,
    /// What is signed: header and claims as they came.
    pub signed: &'a str,
    pub signature: &'a str,
    claims: &'a str,
}

impl<'a> Parts<'a> {
    pub fn of(jwt: &'a str) -> Result<Self, InvalidToken> {
        if jwt.len() > LONGEST {
            return Err(InvalidToken::TooLarge);
        }
        let (signed, signature) = jwt.rsplit_once('.').ok_or(InvalidToken::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(InvalidToken::Malformed)?;
        if claims.contains('.') {
            return Err(InvalidToken::Malformed);
        }
        Ok(Self {
            header: Header::of(&decode(header)?)?,
            signed,
            signature,
            claims,
        })
    }

    /// What it says: to be read once the signature was verified.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, InvalidToken> {
        let json = decode(self.claims)?;
        if json.trim_ascii_start().first() != Some(&b'{') {
            return Err(InvalidToken::Claims);
        }
        serde_json::from_slice(&json).map_err(|_| InvalidToken::Claims)
    }
}

/// Padding, other alphabets and bits beyond the last byte are refused: one token has one form.
fn decode(part: &str) -> Result<Vec<u8>, InvalidToken> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part);
    bytes.map_err(|_| InvalidToken::Malformed)
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
