//! Times as Candlepin writes them (Java's `yyyy-MM-dd'T'HH:mm:ssZ`): whole seconds, `+0000`.

use serde::{Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset, macros::format_description};

/// An instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondsUtc(pub OffsetDateTime);

impl std::fmt::Display for SecondsUtc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+0000");
        let text = self.0.to_offset(UtcOffset::UTC).format(&form);
        f.write_str(&text.map_err(|_| std::fmt::Error)?)
    }
}

impl Serialize for SecondsUtc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::SecondsUtc;

    #[test]
    fn is_what_candlepin_writes() {
        let shown = SecondsUtc(datetime!(2017-11-21 18:01:05.999 +2)).to_string();
        assert_eq!(shown, "2017-11-21T16:01:05+0000");
    }
}
