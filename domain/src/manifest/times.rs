//! The times of manifests: five forms of text, or milliseconds since 1970.

use serde::{Deserialize, Deserializer, de::Error};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::lenient::Lenient;

/// A time in any of the forms that Candlepin has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ManifestTime(pub OffsetDateTime);

impl ManifestTime {
    /// Reads `2017-11-21T16:01:05.324+0000`, `…+00:00`, `…Z`, with or without the fraction.
    fn from_text(text: &str) -> Option<Self> {
        // RFC 3339 wants the colon that Java's `Z` pattern leaves out.
        let (rest, offset) = text.split_at_checked(text.len().checked_sub(5)?)?;
        let basic =
            offset.starts_with(['+', '-']) && offset.bytes().skip(1).all(|b| b.is_ascii_digit());
        let with_colon = basic.then(|| format!("{rest}{}:{}", &offset[..3], &offset[3..]));
        let parsed = OffsetDateTime::parse(with_colon.as_deref().unwrap_or(text), &Rfc3339);
        Self::checked(parsed.ok()?)
    }

    fn from_millis(millis: i64) -> Option<Self> {
        Self::checked(OffsetDateTime::UNIX_EPOCH.checked_add(Duration::milliseconds(millis))?)
    }

    /// UTC, and a year that every database and RFC 3339 can hold.
    fn checked(time: OffsetDateTime) -> Option<Self> {
        let utc = time.checked_to_offset(time::UtcOffset::UTC)?;
        (1..=9999).contains(&utc.year()).then_some(Self(utc))
    }
}

impl<'de> Deserialize<'de> for ManifestTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Lenient::deserialize(deserializer)?.0.unwrap_or_default();
        let millis = text.parse().ok().and_then(Self::from_millis);
        let time = millis.or_else(|| Self::from_text(&text));
        time.ok_or_else(|| D::Error::custom("a time that cannot be read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_the_same_instant() {
        let read = |json: &str| serde_json::from_str::<ManifestTime>(json).map(|t| t.0);
        let instant = time::macros::datetime!(2017-11-21 16:01:05 UTC);
        for form in [
            r#""2017-11-21T16:01:05.000+0000""#,
            r#""2017-11-21T16:01:05+0000""#,
            r#""2017-11-21T16:01:05.000+00:00""#,
            r#""2017-11-21T16:01:05Z""#,
            r#""2017-11-21T18:01:05.000+0200""#,
            "1511280065000",
        ] {
            assert_eq!(read(form).unwrap(), instant, "{form}");
        }
        for bad in [
            r#""""#,
            r#""yesterday""#,
            "true",
            "null",
            "1e300",
            r#""ä0000""#,
            "9223372036854775807",
        ] {
            assert!(read(bad).is_err(), "{bad} was taken");
        }
    }
}
