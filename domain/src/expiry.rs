//! When certificates end: their kinds, how far ahead somebody looks, and what deserves a warning.

use std::{fmt, str::FromStr};

use thiserror::Error;
use time::{Duration, OffsetDateTime};

use crate::{
    import::{Warning, WarningCode},
    manifest::UpstreamConsumer,
    trust::{Certificate, Verification, rfc3339},
};

/// How long before its end a certificate deserves a warning.
pub const SOON: Duration = Duration::days(30);

/// What a certificate is here for. Listed by name where several end in the same second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertificateKind {
    /// An upstream CA: a trust anchor.
    Ca,
    /// The certificate of one of the operator's CDNs.
    Cdn,
    /// An upstream entitlement's.
    Entitlement,
    /// An upstream consumer's identity.
    Identity,
    /// A CA of this instance, which signs its exports.
    Signing,
}

impl CertificateKind {
    /// All kinds, by name.
    pub const ALL: [Self; 5] = [
        Self::Ca,
        Self::Cdn,
        Self::Entitlement,
        Self::Identity,
        Self::Signing,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ca => "CA",
            Self::Cdn => "CDN",
            Self::Entitlement => "ENTITLEMENT",
            Self::Identity => "IDENTITY",
            Self::Signing => "SIGNING",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// How far ahead somebody looks: `30d`, `12h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within(Duration);

/// A text that is no such length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a number with s, m, h, d or w behind it, such as 30d, and at most {}d", Within::MOST.whole_days())]
pub struct InvalidWithin;

impl Within {
    /// The longest.
    pub const MOST: Duration = Duration::days(3650);

    /// The last instant that counts.
    #[must_use]
    pub fn after(self, now: OffsetDateTime) -> OffsetDateTime {
        // Within ten years of a clock that is right there is no end of time.
        now.checked_add(self.0).unwrap_or(now)
    }
}

impl Default for Within {
    fn default() -> Self {
        Self(SOON)
    }
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.whole_seconds();
        match seconds % (24 * 3600) {
            0 => write!(f, "{}d", self.0.whole_days()),
            _ => write!(f, "{seconds}s"),
        }
    }
}

impl FromStr for Within {
    type Err = InvalidWithin;

    fn from_str(text: &str) -> Result<Self, InvalidWithin> {
        let (number, unit) = text
            .split_at_checked(text.len().saturating_sub(1))
            .ok_or(InvalidWithin)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 24 * 3600,
            "w" => 7 * 24 * 3600,
            _ => return Err(InvalidWithin),
        };
        // A sign is no digit, though an integer may have one.
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number: Option<i64> = number.parse().ok().filter(|_| digits);
        let length = number.and_then(|number| number.checked_mul(seconds));
        let length = length.map(Duration::seconds);
        length
            .filter(|length| *length <= Self::MOST)
            .map(Self)
            .ok_or(InvalidWithin)
    }
}

/// Whether it ends within [`SOON`] of `at`, and has not ended yet.
#[must_use]
pub fn ends_soon(not_after: OffsetDateTime, at: OffsetDateTime) -> bool {
    not_after >= at && not_after - at <= SOON
}

/// What an import is to say of the two certificates that all its entitlements rest on: the consumer's
/// identity, and the CA that verified the manifest.
pub(crate) fn foundation_warnings(
    consumer: &UpstreamConsumer,
    verification: &Verification,
    at: OffsetDateTime,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code, detail| warnings.push(Warning::of(code, None, detail));
    if let Some(end) = consumer.identity.as_ref().map(|issued| issued.not_after) {
        let shown = rfc3339(end);
        if end < at {
            let detail = format!("the consumer's identity certificate ended on {shown}");
            warn(WarningCode::IdentityEnded, detail);
        } else if ends_soon(end, at) {
            let detail = format!("the consumer's identity certificate ends on {shown}");
            warn(WarningCode::IdentityEndsSoon, detail);
        }
    }
    if let Verification::Verified(by) = verification {
        let end = Certificate::from_pem(by.pem.as_bytes()).map(|ca| ca.not_after());
        if let Some(end) = end.ok().filter(|end| ends_soon(*end, at)) {
            let (filename, shown) = (&by.filename, rfc3339(end));
            let detail = format!(
                "the upstream CA {filename} ends on {shown}: after that it verifies no manifest"
            );
            warn(WarningCode::CaEndsSoon, detail);
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_length_is_a_number_and_a_unit() {
        let now = datetime!(2026-11-22 12:00 UTC);
        for (text, seconds) in [
            ("0s", 0),
            ("90s", 90),
            ("15m", 900),
            ("12h", 43_200),
            ("30d", 2_592_000),
            ("2w", 1_209_600),
            ("3650d", 315_360_000),
        ] {
            let within: Within = text.parse().unwrap();
            assert_eq!(
                within.after(now),
                now + Duration::seconds(seconds),
                "{text}"
            );
        }
        assert_eq!("30d".parse(), Ok(Within::default()));
        for bad in [
            "",
            "d",
            "30",
            "30 d",
            "-1d",
            "+1d",
            "1.5d",
            "1y",
            "3651d",
            "315360001s",
            "99999999999999999999d",
            "9223372036854775807w",
            "ä",
            "٣d",
        ] {
            assert_eq!(bad.parse::<Within>(), Err(InvalidWithin), "{bad:?}");
        }
        assert!(InvalidWithin.to_string().contains("3650d"));
    }

    #[test]
    fn soon_is_from_now_to_the_thirtieth_day() {
        let now = datetime!(2026-11-22 12:00 UTC);
        let second = Duration::SECOND;
        for (end, soon) in [
            (now - second, false),
            (now, true),
            (now + SOON, true),
            (now + SOON + second, false),
        ] {
            assert_eq!(ends_soon(end, now), soon, "{end}");
        }
    }

    #[test]
    fn kinds_are_ordered_as_their_names() {
        let names = CertificateKind::ALL.map(CertificateKind::as_str);
        assert!(names.is_sorted() && CertificateKind::ALL.is_sorted());
        for kind in CertificateKind::ALL {
            assert_eq!(CertificateKind::from_name(kind.as_str()), Some(kind));
        }
    }
}
