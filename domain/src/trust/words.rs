//! Names and instants of certificates, as people and programs read them.

use openssl::x509::{X509NameEntryRef, X509NameRef};
use time::OffsetDateTime;

/// A name as one line, for people.
pub(super) fn one_line(name: &X509NameRef) -> String {
    let entry = |entry: &X509NameEntryRef| {
        let name = entry.object().nid().short_name().unwrap_or("?").to_owned();
        let value = entry.data().to_string().unwrap_or_default();
        format!("{name}={value}")
    };
    let entries: Vec<String> = name.entries().map(entry).collect();
    entries.join(", ")
}

/// An instant as people and programs read it (RFC 3339).
pub(crate) fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&time::format_description::well_known::Rfc3339)
        .unwrap_or_else(|_| at.to_string())
}
