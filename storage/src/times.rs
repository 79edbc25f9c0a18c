//! Times as both engines keep them, so that what was told is what is read back.

use time::{OffsetDateTime, UtcOffset, macros::format_description};

/// PostgreSQL keeps microseconds; SQLite would keep all that it is given.
pub(crate) const fn kept(time: OffsetDateTime) -> OffsetDateTime {
    time.truncate_to_microsecond()
}

/// An instant as it is written for programs: RFC 3339, UTC, milliseconds.
pub(crate) fn shown(time: OffsetDateTime) -> String {
    let form =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    // Every part of the format is one that an instant has.
    time.to_offset(UtcOffset::UTC)
        .format(&form)
        .unwrap_or_default()
}
