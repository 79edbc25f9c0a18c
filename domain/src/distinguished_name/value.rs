//! The types and values of a name's attributes, from DER and as text.

use std::fmt::{self, Write};

use x509_parser::asn1_rs::{Any, Class, Tag, ToDer};

use super::InvalidName;

/// The types with a name of their own (RFC 4514, 3), and two that are common in subjects.
const TYPES: [(&str, &str); 11] = [
    ("CN", "2.5.4.3"),
    ("serialNumber", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("emailAddress", "1.2.840.113549.1.9.1"),
];

/// The value of one attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    /// What is no text, in DER.
    Other(Vec<u8>),
}

impl Value {
    /// A value from DER: text where its type is one of text and it is well-formed. Two encodings of
    /// one text are one value.
    pub(super) fn read(any: &Any<'_>) -> Option<Self> {
        match text(any) {
            Some(text) => Some(Self::Text(text)),
            None => any.to_der_vec().ok().map(Self::Other),
        }
    }
}

fn text(any: &Any<'_>) -> Option<String> {
    if any.class() != Class::Universal || any.header.is_constructed() {
        return None;
    }
    let wide = |size: usize| {
        let letters = any.data.chunks(size).map(|bytes| {
            let whole = bytes.len() == size;
            let number = bytes
                .iter()
                .fold(0, |number, byte| number << 8 | u32::from(*byte));
            char::from_u32(number).filter(|_| whole)
        });
        letters.collect()
    };
    let narrow = || String::from_utf8(any.data.to_vec()).ok();
    match any.tag() {
        Tag::Utf8String => narrow(),
        Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            narrow().filter(|text| text.is_ascii())
        }
        Tag::BmpString => wide(2),
        Tag::UniversalString => wide(4),
        _ => None,
    }
}

/// The canonical text: escaped where it must be, and nowhere else (RFC 4514, 2.4).
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Other(der) => {
                f.write_char('#')?;
                return der.iter().try_for_each(|byte| write!(f, "{byte:02x}"));
            }
            Self::Text(text) => text,
        };
        let last = text.len().saturating_sub(1);
        for (at, letter) in text.char_indices() {
            match letter {
                '"' | '+' | ',' | ';' | '<' | '>' | '\\' => write!(f, "\\{letter}")?,
                '#' if at == 0 => f.write_str("\\#")?,
                ' ' if at == 0 || at == last => f.write_str("\\ ")?,
                // An operator must see what he trusts, and a log must keep its lines.
                letter if letter.is_control() => {
                    let mut buffer = [0; 4];
                    let mut bytes = letter.encode_utf8(&mut buffer).bytes();
                    bytes.try_for_each(|byte| write!(f, "\\{byte:02X}"))?;
                }
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

/// The name of a dotted OID, or the OID itself.
pub(super) fn type_name(oid: String) -> String {
    let named = TYPES.iter().find(|(_, known)| *known == oid);
    named.map_or(oid, |(name, _)| (*name).to_owned())
}

/// The type that somebody wrote: a name in any case, or a dotted OID.
pub(super) fn known_type(text: &str) -> Result<String, InvalidName> {
    let named = TYPES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    if let Some((name, _)) = named {
        return Ok((*name).to_owned());
    }
    let number = |arc: &str| {
        let digits = !arc.is_empty() && arc.bytes().all(|digit| digit.is_ascii_digit());
        let minimal = arc == "0" || !arc.starts_with('0');
        (digits && minimal)
            .then(|| arc.parse::<u64>().ok())
            .flatten()
    };
    let arcs: Option<Vec<u64>> = text.split('.').map(number).collect();
    match arcs.as_deref() {
        // X.660: below 0 and 1 there are 40 arcs each.
        Some([0 | 1, 0..40, ..]) => Ok(type_name(text.to_owned())),
        Some([2, second, ..]) if *second <= u64::MAX - 80 => Ok(type_name(text.to_owned())),
        _ => Err(InvalidName::Type(text.to_owned())),
    }
}

/// The dotted form of an OID in DER (X.690, 8.19); none where it is not the shortest form, for two
/// encodings must not become one text.
pub(super) fn dotted(der: &[u8]) -> Option<String> {
    let mut arcs = Vec::new();
    let mut arc: Option<u64> = None;
    for byte in der {
        if arc.is_none() && *byte == 0x80 {
            return None;
        }
        let before = arc.unwrap_or_default();
        let number = before.checked_mul(128)? + u64::from(byte & 0x7f);
        arc = (byte & 0x80 != 0).then_some(number);
        if arc.is_none() {
            arcs.push(number);
        }
    }
    let (first, others) = arcs.split_first()?;
    let root = (*first / 40).min(2);
    let all = [root, first - 40 * root]
        .into_iter()
        .chain(others.iter().copied());
    let texts: Vec<String> = all.map(|arc| arc.to_string()).collect();
    arc.is_none().then(|| texts.join("."))
}
