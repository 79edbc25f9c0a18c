//! Times as both engines keep them, so that what was told is what is read back.

use time::OffsetDateTime;

/// PostgreSQL keeps microseconds; SQLite would keep all that it is given.
pub(crate) const fn kept(time: OffsetDateTime) -> OffsetDateTime {
    time.truncate_to_microsecond()
}
