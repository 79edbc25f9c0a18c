//! Times as they go out: RFC 3339, UTC, milliseconds, `Z`.

use serde::{Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset, macros::format_description};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema,
        schema::{KnownFormat, SchemaFormat, Type},
    },
};

/// An instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(pub OffsetDateTime);

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let form = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        let text = self.0.to_offset(UtcOffset::UTC).format(&form);
        f.write_str(&text.map_err(|_| std::fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}

impl ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::Timestamp;

    #[test]
    fn is_rfc_3339_with_milliseconds_in_utc() {
        let shown = Timestamp(datetime!(2026-03-01 02:00:00.0005 +2)).to_string();
        assert_eq!(shown, "2026-03-01T00:00:00.000Z");
    }
}
