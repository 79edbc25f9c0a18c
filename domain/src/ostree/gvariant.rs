//! A small reader of GVariant's serialization ("GVariant Specification", 2.5): containers end with the
//! ends of their members of no fixed size. Nothing is copied; what is not in normal form is refused.

use thiserror::Error;

/// Bytes that are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it is no {0} that can be read")]
pub struct Malformed(pub &'static str);

/// A member of a tuple.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// It begins at a multiple of this.
    align: usize,
    /// Its size; none where it has an end of its own.
    fixed: Option<usize>,
}

/// `s`, `ay`, and whatever begins anywhere.
pub const BYTES: Member = Member {
    align: 1,
    fixed: None,
};
/// `v`, `a{sv}`, and whatever has a number of eight bytes in it.
pub const WIDE: Member = Member {
    align: 8,
    fixed: None,
};
/// `t`.
pub const NUMBER: Member = Member {
    align: 8,
    fixed: Some(8),
};

/// `a{sv}`: keys, each with a type and a value.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a>(&'a [u8]);

/// How many bytes an end has in a container of this size.
const fn width(size: usize) -> usize {
    match size {
        0..=0xFF => 1,
        0x100..=0xFFFF => 2,
        0x1_0000..=0xFFFF_FFFF => 4,
        _ => 8,
    }
}

/// A little-endian number of at most eight bytes.
fn number(bytes: &[u8]) -> Option<usize> {
    let value = bytes
        .iter()
        .rev()
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    usize::try_from(value).ok()
}

const fn aligned(at: usize, align: usize) -> usize {
    at.next_multiple_of(align)
}

/// The members of a tuple. The ends stand behind it, the first one last.
pub fn tuple<'a>(bytes: &'a [u8], members: &[Member]) -> Option<Vec<&'a [u8]>> {
    let width = width(bytes.len());
    let (mut at, mut ends, mut found) = (0_usize, bytes.len(), Vec::new());
    for (index, member) in members.iter().enumerate() {
        let start = aligned(at, member.align);
        let end = if let Some(size) = member.fixed {
            start.checked_add(size)?
        } else if index + 1 == members.len() {
            ends
        } else {
            ends = ends.checked_sub(width)?;
            number(bytes.get(ends..ends + width)?)?
        };
        // No member reaches into the ends.
        if end > ends {
            return None;
        }
        found.push(bytes.get(start..end)?);
        at = end;
    }
    Some(found)
}

/// The elements of an array whose elements have no fixed size.
pub fn array(bytes: &[u8], align: usize) -> Option<Vec<&[u8]>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let width = width(bytes.len());
    // The last end is where the ends begin.
    let ends = number(bytes.get(bytes.len().checked_sub(width)?..)?)?;
    let ends = bytes.get(ends..)?;
    if ends.is_empty() || !ends.len().is_multiple_of(width) {
        return None;
    }
    let (mut at, mut found) = (0, Vec::new());
    for end in ends.chunks(width) {
        let end = number(end)?;
        found.push(bytes.get(aligned(at, align)..end)?);
        at = end;
    }
    Some(found)
}

/// `s`: UTF-8 with a zero at its end, and no other.
#[must_use]
pub fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes.strip_suffix(&[0])?).ok()?;
    (!text.contains('\0')).then_some(text)
}

/// `as`.
pub fn texts(bytes: &[u8]) -> Option<Vec<&str>> {
    array(bytes, 1)?.into_iter().map(text).collect()
}

/// `v`: a value, a zero, and its type.
pub fn variant(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let zero = bytes.iter().rposition(|byte| *byte == 0)?;
    let kind = std::str::from_utf8(bytes.get(zero + 1..)?).ok()?;
    Some((kind, bytes.get(..zero)?))
}

impl<'a> Options<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// All entries.
    pub(super) fn entries(self) -> Option<Vec<(&'a str, &'a str, &'a [u8])>> {
        let entries = array(self.0, 8)?.into_iter().map(|entry| {
            let parts = tuple(entry, &[BYTES, WIDE])?;
            let (key, value) = (text(parts.first()?)?, variant(parts.get(1)?)?);
            Some((key, value.0, value.1))
        });
        entries.collect()
    }

    /// The value of this key, where it has this type. Of a key that is there twice, the first one counts,
    /// as for `g_variant_lookup`.
    pub(super) fn get(self, key: &str, kind: &str) -> Result<Option<&'a [u8]>, Malformed> {
        let entries = self.entries().ok_or(Malformed("dictionary"))?;
        let found = entries.into_iter().find(|(name, ..)| *name == key);
        let found = found.filter(|(_, found, _)| *found == kind);
        Ok(found.map(|(.., value)| value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_specification_writes_is_read() {
        // 2.5.3: the array of strings "i", "can", "has", "strings?".
        let bytes = b"i\0can\0has\0strings?\0\x02\x06\x0a\x13";
        assert_eq!(texts(bytes), Some(vec!["i", "can", "has", "strings?"]));
        // The dictionary entry of type {si}: "a sample", and the variant of a text.
        assert_eq!(variant(b"abc\0\0s"), Some(("s", &b"abc\0"[..])));
        assert_eq!(texts(b""), Some(Vec::new()));
    }

    #[test]
    fn what_is_not_in_normal_form_is_refused() {
        // Ends beyond the ends, before the element before it, and too many bytes.
        for bad in [&b"a\0\x03"[..], b"a\0b\0\x04\x02", b"a\0b\0\xff", b"\x01"] {
            assert_eq!(texts(bad), None, "{bad:?}");
        }
        assert_eq!(text(b"a"), None);
        assert_eq!(text(b"a\0b\0"), None);
        assert_eq!(text(b"\xff\0"), None);
        assert_eq!(variant(b"abc"), None);
        assert_eq!(tuple(b"", &[BYTES, BYTES]), None);
        assert_eq!(
            tuple(b"a\x02", &[BYTES, BYTES]),
            None,
            "it reaches into the ends"
        );
    }
}
