//! The header of a token, read by us before anything is believed: which key may verify it depends on this
//! text, which anybody could have written.

use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::error::InvalidToken;

/// The parameters that count (RFC 7515, section 4.1). Others are ignored, as the standard wants it; one
/// of these that is there twice is refused.
#[derive(Deserialize)]
pub struct Header {
    pub alg: String,
    pub typ: Option<String>,
    pub kid: Option<String>,
    /// Names what must be understood, and never is.
    #[serde(default)]
    crit: Presence,
    /// These name a key of the sender's: whoever followed one would be told by a forger which is right.
    #[serde(default)]
    jku: Presence,
    #[serde(default)]
    x5u: Presence,
    #[serde(default)]
    jwk: Presence,
}

/// Whether a parameter is there, whatever it holds: `null` is there, too.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Presence {
    #[default]
    Absent,
    Present,
}

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(value).map(|_| Self::Present)
    }
}

impl Header {
    pub fn of(json: &[u8]) -> Result<Self, InvalidToken> {
        // Serde reads an array as a struct, field by field.
        if json.trim_ascii_start().first() != Some(&b'{') {
            return Err(InvalidToken::Malformed);
        }
        let header: Self = serde_json::from_slice(json).map_err(|_| InvalidToken::Malformed)?;
        let refused = [
            ("crit", header.crit),
            ("jku", header.jku),
            ("x5u", header.x5u),
            ("jwk", header.jwk),
        ];
        match refused.into_iter().find(|(_, is)| *is == Presence::Present) {
            Some((name, _)) => Err(InvalidToken::Header(name)),
            None => Ok(header),
        }
    }
}
