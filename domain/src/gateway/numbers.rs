//! A set of repositories' numbers, small: 10,000 users have 1,000 each, in memory and in a row by user.

use std::sync::Arc;

/// A set of numbers, written as the gaps between them (LEB128): a byte or two by number. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NumberSet(Arc<[u8]>);

impl NumberSet {
    /// The bytes as they are stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads what was stored; nothing where it is none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let set = Self(bytes.into());
        // A number that has no end, or is none, would be read as another one.
        let mut last = 0_u32;
        for gap in Gaps(&set.0) {
            last = last.checked_add(gap?)?;
        }
        Some(set)
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        Gaps(&self.0).scan(0_u32, |last, gap| {
            *last = last.checked_add(gap?)?;
            Some(*last)
        })
    }

    /// Whether a number is in it.
    #[must_use]
    pub fn contains(&self, number: u32) -> bool {
        self.iter()
            .take_while(|held| *held <= number)
            .any(|held| held == number)
    }
}

impl FromIterator<u32> for NumberSet {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut numbers: Vec<u32> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let (mut bytes, mut last) = (Vec::new(), 0);
        for number in numbers {
            let mut gap = number - last;
            last = number;
            loop {
                let low = u8::try_from(gap & 0x7f).unwrap_or_default();
                gap >>= 7;
                if gap == 0 {
                    bytes.push(low);
                    break;
                }
                bytes.push(low | 0x80);
            }
        }
        Self(bytes.into())
    }
}

/// The gaps; a broken one is `None`.
struct Gaps<'a>(&'a [u8]);

impl Iterator for Gaps<'_> {
    type Item = Option<u32>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let mut gap = 0_u32;
        for shift in (0..35).step_by(7) {
            let Some((byte, rest)) = self.0.split_first() else {
                return Some(None);
            };
            self.0 = rest;
            let low = u32::from(byte & 0x7f);
            let Some(part) = low.checked_shl(shift).filter(|part| part >> shift == low) else {
                return Some(None);
            };
            gap |= part;
            if byte & 0x80 == 0 {
                return Some(Some(gap));
            }
        }
        Some(None)
    }
}
