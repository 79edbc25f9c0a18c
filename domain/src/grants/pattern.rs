//! Patterns of refs. `*` stands for exactly one whole segment, so that nobody has to think about what a
//! pattern might match beyond what it shows.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ids::RefName;

/// Bytes of a pattern at most, as of a ref.
const LONGEST: usize = 512;
const ANY: &str = "*";

/// A ref, or several: `app/org.example.Game/*/stable`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RefPattern(String);

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidPattern {
    /// It has more bytes than a ref may have.
    #[error("a pattern may have at most {LONGEST} bytes")]
    TooLong,
    /// A star stands beside other characters: what it would stand for is anybody's guess.
    #[error("in a pattern, * stands for one whole segment and cannot be a part of one")]
    PartOfSegment,
    /// What is no star is no segment of a ref, either.
    #[error("a pattern must be a ref, with * for any of its segments that may be anything")]
    NoRef,
}

impl RefPattern {
    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is this ref, segment by segment. Nothing is decoded, folded or normalized.
    #[must_use]
    pub fn matches(&self, name: &RefName) -> bool {
        let (mut wanted, mut given) = (self.0.split('/'), name.as_str().split('/'));
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return true,
                (Some(wanted), Some(given)) if wanted == ANY || wanted == given => {}
                _ => return false,
            }
        }
    }
}

impl TryFrom<String> for RefPattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        if text.len() > LONGEST {
            return Err(InvalidPattern::TooLong);
        }
        for segment in text.split('/').filter(|segment| *segment != ANY) {
            if segment.contains(ANY) {
                return Err(InvalidPattern::PartOfSegment);
            }
            // A segment alone is a ref, too.
            segment
                .parse::<RefName>()
                .map_err(|_| InvalidPattern::NoRef)?;
        }
        Ok(Self(text))
    }
}

impl FromStr for RefPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        text.to_owned().try_into()
    }
}

impl From<RefPattern> for String {
    fn from(pattern: RefPattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for RefPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for RefPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
