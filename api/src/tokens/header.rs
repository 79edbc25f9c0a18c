//! The header of a token, read by us before anything is believed: which key may verify it depends on this
//! text, which anybody could have written.

use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::error::InvalidToken;

/// The parameters that count (RFC 7515, section 4.1). Others are ignored, as the standard wants it; one
/// that is there twice is refused.
#[derive(Deserialize)]
pub struct Header {
    pub alg: String,
    pub typ: Option<String>,
    pub kid: Option<String>,
    /// What must be understood, and never is.
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    /// Where the sender says that the key is: whoever followed it would be told by a forger.
    #[serde(default, deserialize_with = "present")]
    jku: bool,
    #[serde(default, deserialize_with = "present")]
    x5u: bool,
    /// The key itself.
    #[serde(default, deserialize_with = "present")]
    jwk: bool,
}

fn present<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

impl Header {
    pub fn of(json: &[u8]) -> Result<Self, InvalidToken> {
        // Serde reads an array as a struct, field by field.
        if json.trim_ascii_start().first() != Some(&b'{') {
            return Err(InvalidToken::Malformed);
        }
        let header: Self = serde_json::from_slice(json).map_err(|_| InvalidToken::Malformed)?;
        for (name, is_there) in [
            ("crit", header.crit),
            ("jku", header.jku),
            ("x5u", header.x5u),
            ("jwk", header.jwk),
        ] {
            if is_there {
                return Err(InvalidToken::Header(name));
            }
        }
        Ok(header)
    }
}
