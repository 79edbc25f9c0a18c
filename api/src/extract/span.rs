//! A span of time in a query: `30s`, `5m`, `12h`, `30d`, `2w`.

use std::time::Duration;

use serde::Deserialize;

/// A span of time, as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(Duration);

impl Span {
    /// The span.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl TryFrom<String> for Span {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let wrong = "a span of time must be a number and one of s, m, h, d, w, like 30s";
        let (number, unit) = text
            .split_at_checked(text.len().wrapping_sub(1))
            .ok_or(wrong)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            "w" => 7 * 86_400,
            _ => return Err(wrong),
        };
        let digits = (1..=9).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| digits).ok_or(wrong)?;
        Ok(Self(Duration::from_secs(number * seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        let read = |text: &str| Span::try_from(text.to_owned()).map(|span| span.get().as_secs());
        assert_eq!(read("30s"), Ok(30));
        assert_eq!(read("2w"), Ok(1_209_600));
        assert_eq!(read("0s"), Ok(0));
        for bad in [
            "",
            "s",
            "30",
            "-1s",
            "+1s",
            "1.5h",
            "30S",
            "1y",
            "9999999999s",
            "1ä",
        ] {
            assert!(read(bad).is_err(), "{bad:?} was taken");
        }
    }
}
