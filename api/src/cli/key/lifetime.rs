//! When a credential ends, as people write it.

use time::{Date, Duration, OffsetDateTime, Time, format_description::well_known::Rfc3339};

/// An end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// At this instant.
    At(OffsetDateTime),
    /// So long from now.
    In(Duration),
}

/// Reads `90d`, `12h`, `30m`, a date, or an instant.
pub fn parse(text: &str) -> Result<Expiry, String> {
    let wrong = || "must be like 90d, 12h, 30m, 2027-01-31 or 2027-01-31T00:00:00Z".to_owned();
    if let Ok(instant) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(Expiry::At(instant));
    }
    let date = time::macros::format_description!("[year]-[month]-[day]");
    if let Ok(date) = Date::parse(text, &date) {
        return Ok(Expiry::At(date.with_time(Time::MIDNIGHT).assume_utc()));
    }
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(wrong)?;
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let number = i64::from(number);
    let length = match unit {
        "d" => Duration::days(number),
        "h" => Duration::hours(number),
        "m" => Duration::minutes(number),
        _ => return Err(wrong()),
    };
    Ok(Expiry::In(length))
}

impl Expiry {
    /// The instant, which must be in the future: a key that never counts is a mistake.
    pub fn after(self, now: OffsetDateTime) -> Result<OffsetDateTime, String> {
        let end = match self {
            Self::At(instant) => Some(instant),
            Self::In(length) => now.checked_add(length),
        };
        let far = time::macros::datetime!(9999-01-01 00:00 UTC);
        match end.filter(|end| *end < far) {
            Some(end) if end > now => Ok(end),
            Some(_) => Err("--expires must be in the future".to_owned()),
            None => Err("--expires is too far away".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn ends_are_read_as_people_write_them() {
        let now = datetime!(2026-11-22 12:00 UTC);
        let end = |text: &str| parse(text).and_then(|expiry| expiry.after(now));
        assert_eq!(end("90d"), Ok(now + Duration::days(90)));
        assert_eq!(end("12h"), Ok(now + Duration::hours(12)));
        assert_eq!(end("30m"), Ok(now + Duration::minutes(30)));
        assert_eq!(end("2027-01-31"), Ok(datetime!(2027-01-31 0:00 UTC)));
        assert_eq!(
            end("2027-01-31T01:00:00+01:00"),
            Ok(datetime!(2027-01-31 0:00 UTC))
        );
        for bad in [
            "",
            "d",
            "90",
            "-1d",
            "1y",
            "0d",
            "2026-11-22",
            "4294967295d",
            "ä",
            "9ä",
        ] {
            assert!(end(bad).is_err(), "{bad:?} was taken");
        }
    }
}
