//! Proves that a zip has one reading only: end record, directory and entries cover the file.
//!
//! Offsets and sizes as in APPNOTE.TXT 6.3.10, 4.3.7 (local header), 4.3.9 (data descriptor),
//! 4.3.12 (directory), 4.3.14 to 4.3.16 (end records).

#![expect(
    clippy::cast_possible_truncation,
    reason = "only the lengths of zip records are cast: small constants"
)]

use std::io::{self, Read, Seek, SeekFrom};

use super::error::ArchiveFault;

const END_RECORD: u64 = 22;
const ZIP64_LOCATOR: u64 = 20;
const ZIP64_END_RECORD: u64 = 56;
const LONGEST_COMMENT: u64 = 0xFFFF;
const LOCAL_HEADER: u64 = 30;
const DIRECTORY_HEADER: u64 = 46;

/// A fault of the archive, or of our disk.
#[derive(Debug)]
pub(super) enum LayoutError {
    Fault(ArchiveFault),
    Disk(io::Error),
}

impl From<ArchiveFault> for LayoutError {
    fn from(fault: ArchiveFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for LayoutError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // `InvalidInput` is what a file says to an offset that no file can have.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput => {
                Self::Fault(ArchiveFault::NotAZip)
            }
            _ => Self::Disk(error),
        }
    }
}

/// Where the directory is, by the one end record that ends with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Directory {
    pub start: u64,
    pub end: u64,
    pub entries: u64,
}

fn u16_at(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..at + 2)
        .map_or(0, |b| u64::from(b[0]) | u64::from(b[1]) << 8)
}

fn u32_at(bytes: &[u8], at: usize) -> u64 {
    u16_at(bytes, at) | u16_at(bytes, at + 2) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u32_at(bytes, at) | u32_at(bytes, at + 4) << 32
}

fn read_at<const N: usize>(file: &mut (impl Read + Seek), at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Finds the directory. Exactly one end record may stand in the last 64 KiB, its comment must
/// end with the file, and the directory must end where the end records begin.
pub(super) fn directory(file: &mut (impl Read + Seek)) -> Result<Directory, LayoutError> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail_start = length.saturating_sub(END_RECORD + LONGEST_COMMENT);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(tail_start))?;
    file.take(END_RECORD + LONGEST_COMMENT)
        .read_to_end(&mut tail)?;

    // The zip library takes the last record that works; a second one anywhere later, in the
    // comment say, would be another reading of the same bytes.
    let at = tail
        .windows(4)
        .rposition(|bytes| bytes == b"PK\x05\x06")
        .ok_or(ArchiveFault::NotAZip)?;
    let record = &tail[at..];
    if (record.len() as u64) < END_RECORD {
        return Err(ArchiveFault::NotAZip.into());
    }
    if record.len() as u64 != END_RECORD + u16_at(record, 20) {
        return Err(ArchiveFault::Tail.into());
    }
    if u16_at(record, 4) != 0 || u16_at(record, 6) != 0 || u16_at(record, 8) != u16_at(record, 10) {
        return Err(ArchiveFault::Directory.into());
    }
    let found = Directory {
        start: u32_at(record, 16),
        end: u32_at(record, 16) + u32_at(record, 12),
        entries: u16_at(record, 10),
    };
    let end_record = tail_start + at as u64;
    let (found, directory_end) = match zip64(file, end_record, found)? {
        Some((found, zip64_end_record)) => (found, zip64_end_record),
        None => (found, end_record),
    };
    if found.end != directory_end || found.start > found.end {
        return Err(ArchiveFault::Directory.into());
    }
    Ok(found)
}

/// The zip64 end record right before the end record, where there is one. What the two say twice
/// must agree, unless the old field holds its "see zip64" value.
fn zip64(
    file: &mut (impl Read + Seek),
    end_record: u64,
    old: Directory,
) -> Result<Option<(Directory, u64)>, LayoutError> {
    let Some(locator_at) = end_record.checked_sub(ZIP64_LOCATOR) else {
        return Ok(None);
    };
    let locator: [u8; ZIP64_LOCATOR as usize] = read_at(file, locator_at)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    let record_at = u64_at(&locator, 8);
    if record_at.checked_add(ZIP64_END_RECORD) != Some(locator_at) {
        return Err(ArchiveFault::Directory.into());
    }
    let record: [u8; ZIP64_END_RECORD as usize] = read_at(file, record_at)?;
    let start = u64_at(&record, 48);
    let size = u64_at(&record, 40);
    let entries = u64_at(&record, 32);
    let old_size = old.end - old.start;
    let agrees = record.starts_with(b"PK\x06\x06")
        && u64_at(&record, 4) == ZIP64_END_RECORD - 12
        && u64_at(&record, 24) == entries
        && (old.entries == 0xFFFF || old.entries == entries)
        && (old.start == 0xFFFF_FFFF || old.start == start)
        && (old_size == 0xFFFF_FFFF || old_size == size);
    let end = start.checked_add(size).ok_or(ArchiveFault::Directory)?;
    if !agrees {
        return Err(ArchiveFault::Directory.into());
    }
    Ok(Some((
        Directory {
            start,
            end,
            entries,
        },
        record_at,
    )))
}

/// Where the directory entry that starts at `at` ends.
pub(super) fn directory_entry_end(
    file: &mut (impl Read + Seek),
    at: u64,
) -> Result<u64, LayoutError> {
    let header: [u8; DIRECTORY_HEADER as usize] = read_at(file, at)?;
    Ok(at + DIRECTORY_HEADER + u16_at(&header, 28) + u16_at(&header, 30) + u16_at(&header, 32))
}

/// The bytes of one entry: its local header, its data and its data descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    start: u64,
    end: u64,
}

/// What the directory says of an entry, as far as its place in the file goes.
pub(super) struct Placed {
    pub header_start: u64,
    pub compressed: u64,
    pub uncompressed: u64,
    pub crc32: u32,
    pub has_descriptor: bool,
}

/// Measures an entry whose local header was found to agree with the directory.
pub(super) fn span(file: &mut (impl Read + Seek), entry: &Placed) -> Result<Span, LayoutError> {
    let header: [u8; LOCAL_HEADER as usize] = read_at(file, entry.header_start)?;
    let data_end = entry
        .header_start
        .checked_add(LOCAL_HEADER + u16_at(&header, 26) + u16_at(&header, 28))
        .and_then(|data| data.checked_add(entry.compressed))
        .ok_or(ArchiveFault::Overlap)?;
    let descriptor = if entry.has_descriptor {
        descriptor_length(file, data_end, entry)?
    } else {
        0
    };
    Ok(Span {
        start: entry.header_start,
        end: data_end + descriptor,
    })
}

/// The length of the data descriptor at `at`: its signature is optional, and its sizes are of
/// 4 or 8 bytes. It must repeat the directory's values; the longest form that does is taken.
fn descriptor_length(
    file: &mut (impl Read + Seek),
    at: u64,
    entry: &Placed,
) -> Result<u64, LayoutError> {
    let mut bytes = [0; 24];
    file.seek(SeekFrom::Start(at))?;
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read(&mut bytes[filled..])? {
            0 => break,
            more => filled += more,
        }
    }
    let bytes = &bytes[..filled];
    let crc = u64::from(entry.crc32);
    let repeats = |skip: usize, wide: bool| {
        let (compressed, uncompressed) = if wide {
            (u64_at(bytes, skip + 4), u64_at(bytes, skip + 12))
        } else {
            (u32_at(bytes, skip + 4), u32_at(bytes, skip + 8))
        };
        let length = skip + if wide { 20 } else { 12 };
        let fits = length <= bytes.len()
            && u32_at(bytes, skip) == crc
            && compressed == entry.compressed
            && uncompressed == entry.uncompressed;
        fits.then_some(length as u64)
    };
    let signed = bytes.starts_with(b"PK\x07\x08");
    let found = if signed {
        repeats(4, true).or_else(|| repeats(4, false))
    } else {
        repeats(0, true).or_else(|| repeats(0, false))
    };
    let differs = || {
        ArchiveFault::Malformed("a data descriptor does not repeat the directory's values".into())
    };
    Ok(found.ok_or_else(differs)?)
}

/// Checks that the entries lie one behind the other from the first byte to the directory.
pub(super) fn covers(mut spans: Vec<Span>, directory_start: u64) -> Result<(), ArchiveFault> {
    spans.sort_unstable();
    let mut at = 0;
    for span in spans {
        if span.start < at {
            return Err(ArchiveFault::Overlap);
        }
        if span.start > at {
            return Err(gap(at, span.start));
        }
        at = span.end;
    }
    match at {
        _ if at > directory_start => Err(ArchiveFault::Overlap),
        _ if at < directory_start => Err(gap(at, directory_start)),
        _ => Ok(()),
    }
}

fn gap(from: u64, to: u64) -> ArchiveFault {
    if from == 0 {
        ArchiveFault::Prefix
    } else {
        ArchiveFault::Gap(to - from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_must_touch() {
        let span = |start, end| Span { start, end };
        assert_eq!(covers(vec![span(5, 9), span(0, 5)], 9), Ok(()));
        assert_eq!(
            covers(vec![span(0, 5), span(6, 9)], 9),
            Err(ArchiveFault::Gap(1))
        );
        assert_eq!(
            covers(vec![span(0, 5), span(4, 9)], 9),
            Err(ArchiveFault::Overlap)
        );
        assert_eq!(covers(vec![span(3, 9)], 9), Err(ArchiveFault::Prefix));
        assert_eq!(covers(vec![span(0, 9)], 12), Err(ArchiveFault::Gap(3)));
        assert_eq!(covers(vec![span(0, 9)], 8), Err(ArchiveFault::Overlap));
    }

    #[test]
    fn what_is_too_short_is_no_zip() {
        for bytes in [
            &b""[..],
            b"PK",
            b"PK\x05\x06",
            b"not a zip at all, but long enough",
        ] {
            let refused = directory(&mut io::Cursor::new(bytes));
            assert!(
                matches!(refused, Err(LayoutError::Fault(ArchiveFault::NotAZip))),
                "{bytes:?} gave {refused:?}"
            );
        }
    }
}
