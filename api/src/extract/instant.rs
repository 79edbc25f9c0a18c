//! An instant in a query.

use serde::Deserialize;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// An instant (RFC 3339) of a year that every database can compare with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Instant {
    text: String,
    instant: OffsetDateTime,
}

impl Instant {
    /// The instant, UTC.
    #[must_use]
    pub fn get(&self) -> OffsetDateTime {
        self.instant
    }

    /// As it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl TryFrom<String> for Instant {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let parsed = OffsetDateTime::parse(&text, &Rfc3339).ok();
        let instant = parsed.and_then(|instant| instant.checked_to_offset(UtcOffset::UTC));
        match instant.filter(|instant| (0..=9999).contains(&instant.year())) {
            Some(instant) => Ok(Self { text, instant }),
            None => Err("an instant must be like 2026-11-22T12:00:00Z"),
        }
    }
}
