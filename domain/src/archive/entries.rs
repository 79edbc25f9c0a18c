//! Walks the entries of one checked zip, in directory order, in bounded memory.

use std::{
    collections::HashSet,
    io::{BufReader, Read, Seek, SeekFrom, Write},
    ops::ControlFlow,
};

// `ZipArchive` keeps a map of all entries in memory; the iterator does not. The version is pinned
// in `Cargo.toml`, since the library may still change this interface.
use zip::unstable::read::ZipIterable;
use zip::{
    CompressionMethod,
    read::{ArchiveOffset, Config, ZipFileEntry, ZipReadOptions},
};

use super::{
    error::{ArchiveError, ArchiveFault, ArchivePart, OpenError},
    layout::{self, Directory, LayoutError},
    limited::{Limited, read_limited},
};
use crate::{digest::Sha256Digest, limits::Limits};

/// What may still be unpacked: one budget for both archives of an upload.
#[derive(Debug)]
pub(crate) struct Budget {
    left: u64,
    allowed: u64,
}

impl Budget {
    pub fn new(limits: &Limits) -> Self {
        let allowed = limits.unpacked_bytes;
        let left = allowed;
        Self { left, allowed }
    }

    fn over(&self) -> ArchiveFault {
        let (limit, allowed) = ("unpacked_bytes", self.allowed);
        ArchiveFault::Limit { limit, allowed }
    }

    fn take(&mut self, bytes: u64) -> Result<(), ArchiveFault> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| self.over())?;
        Ok(())
    }
}

/// A zip whose structure has one reading only.
pub(crate) struct ZipEntries<F> {
    part: ArchivePart,
    zip: ZipIterable<BufReader<F>>,
}

/// The content of one entry, to be read within limits.
pub(crate) struct Content<'a, R> {
    part: ArchivePart,
    name: &'a str,
    entry: ZipFileEntry<'static>,
    reader: &'a mut R,
    budget: &'a mut Budget,
}

impl<F: Read + Seek> ZipEntries<F> {
    /// Opens and checks a whole directory: nothing is unpacked yet.
    pub fn open(part: ArchivePart, file: F, limits: &Limits) -> Result<Self, OpenError> {
        let mut file = BufReader::new(file);
        let directory = layout::directory(&mut file).map_err(|e| at(part, None, e))?;
        let refused = |fault| OpenError::from(ArchiveError::new(part, fault));
        if directory.entries == 0 {
            return Err(refused(ArchiveFault::Empty));
        }
        if directory.entries > limits.entries {
            let (limit, allowed) = ("entries", limits.entries);
            return Err(refused(ArchiveFault::Limit { limit, allowed }));
        }
        let archive_offset = ArchiveOffset::Known(0);
        let zip = ZipIterable::try_new(file, Config { archive_offset })
            .map_err(|e| OpenError::from_zip(part, None, e))?
            .enforce_header_consistency(true);
        if zip.len() as u64 != directory.entries {
            return Err(refused(ArchiveFault::Directory));
        }
        let mut entries = Self { part, zip };
        entries.scan(directory, limits)?;
        // Every later pass reads the same bytes through the same descriptor.
        entries.zip = entries.zip.enforce_header_consistency(false);
        Ok(entries)
    }

    /// Checks every name and header, and that the entries cover the file.
    fn scan(&mut self, directory: Directory, limits: &Limits) -> Result<(), OpenError> {
        let part = self.part;
        let mut names = HashSet::new();
        let mut spans = Vec::new();
        let mut next_header = directory.start;
        let files = self
            .zip
            .files()
            .map_err(|e| OpenError::from_zip(part, None, e))?;
        while let Some(entry) = files.next() {
            let entry = entry.map_err(|e| OpenError::from_zip(part, None, e))?;
            let name = checked_name(&entry, limits)
                .map_err(|(name, fault)| ArchiveError::at(part, &name, fault))?;
            let refuse = |fault| OpenError::from(ArchiveError::at(part, name, fault));
            check_kind(&entry).map_err(refuse)?;
            // A digest in place of the name: half a million names would not fit the memory budget.
            if !names.insert(Sha256Digest::of(name.as_bytes())) {
                return Err(refuse(ArchiveFault::NameTwice));
            }
            if entry.central_header_start() != next_header {
                return Err(refuse(ArchiveFault::Directory));
            }
            let placed = layout::Placed {
                header_start: entry.header_start(),
                compressed: entry.compressed_size(),
                uncompressed: entry.size(),
                crc32: entry.crc32(),
                has_descriptor: entry.flags().is_using_data_descriptor(),
            };
            let reader = files.reader_mut();
            spans.push(layout::span(reader, &placed).map_err(|e| at(part, Some(name), e))?);
            next_header =
                layout::directory_entry_end(reader, next_header).map_err(|e| at(part, None, e))?;
        }
        if next_header != directory.end {
            return Err(ArchiveError::new(part, ArchiveFault::Directory).into());
        }
        layout::covers(spans, directory.start).map_err(|f| ArchiveError::new(part, f).into())
    }

    /// Shows every file to `visit`, in directory order, until it breaks. Directories are skipped.
    pub fn visit<B, E: From<OpenError>>(
        &mut self,
        budget: &mut Budget,
        mut visit: impl FnMut(&str, Content<'_, BufReader<F>>) -> Result<ControlFlow<B>, E>,
    ) -> Result<Option<B>, E> {
        let part = self.part;
        let broken = |e| E::from(OpenError::from_zip(part, None, e));
        let files = self.zip.files().map_err(broken)?;
        while let Some(entry) = files.next() {
            let entry = entry.map_err(broken)?;
            if entry.is_dir() {
                continue;
            }
            let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
            let content = Content {
                part,
                name: &name,
                entry,
                reader: files.reader_mut(),
                budget: &mut *budget,
            };
            if let ControlFlow::Break(found) = visit(&name, content)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The file under the zip, at its beginning: for digests over exactly the bytes that are parsed.
    pub fn rewound(&mut self) -> Result<&mut BufReader<F>, OpenError> {
        let part = self.part;
        let files = self
            .zip
            .files()
            .map_err(|e| OpenError::from_zip(part, None, e))?;
        let reader = files.reader_mut();
        reader.seek(SeekFrom::Start(0)).map_err(OpenError::Disk)?;
        Ok(reader)
    }
}

impl<R: Read + Seek> Content<'_, R> {
    /// The whole content, which may be at most `allowed` bytes (the limit named `limit`).
    pub fn read(self, limit: &'static str, allowed: u64) -> Result<Vec<u8>, OpenError> {
        let mut bytes = Vec::new();
        let most = allowed.min(self.budget.left);
        let Self { part, name, .. } = self;
        let refused = |fault| OpenError::from(ArchiveError::at(part, name, fault));
        let mut file = self
            .entry
            .with_reader(self.reader, ZipReadOptions::new())
            .map_err(|e| OpenError::from_zip(part, Some(name), e))?;
        let read = read_limited(&mut file, &mut bytes, most)
            .map_err(|e| OpenError::from_read(part, Some(name), e))?;
        match read {
            Limited::Over if most == allowed => {
                Err(refused(ArchiveFault::Limit { limit, allowed }))
            }
            Limited::Over => Err(refused(self.budget.over())),
            Limited::Whole => {
                self.budget.take(bytes.len() as u64).map_err(refused)?;
                Ok(bytes)
            }
        }
    }

    /// Copies the content to a file of ours, within the budget.
    pub fn copy_to(self, into: &mut impl Write) -> Result<(), OpenError> {
        let Self { part, name, .. } = self;
        let mut file = self
            .entry
            .with_reader(self.reader, ZipReadOptions::new())
            .map_err(|e| OpenError::from_zip(part, Some(name), e))?;
        let mut chunk = vec![0; 64 << 10];
        loop {
            let read = match file.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(e) => return Err(OpenError::from_read(part, Some(name), e)),
            };
            let taken = self.budget.take(read as u64);
            taken.map_err(|fault| ArchiveError::at(part, name, fault))?;
            into.write_all(&chunk[..read]).map_err(OpenError::Disk)?;
        }
    }

    /// Leaves the content unread. It counts as large as it says: a lie costs nobody anything,
    /// since it is never unpacked.
    pub fn skip(self) -> Result<(), OpenError> {
        let taken = self.budget.take(self.entry.size());
        taken.map_err(|fault| self.refuse(fault))
    }

    /// A refusal of this entry.
    pub fn refuse(&self, fault: ArchiveFault) -> OpenError {
        ArchiveError::at(self.part, self.name, fault).into()
    }
}

fn at(part: ArchivePart, entry: Option<&str>, error: LayoutError) -> OpenError {
    match (error, entry) {
        (LayoutError::Disk(error), _) => OpenError::Disk(error),
        (LayoutError::Fault(fault), None) => ArchiveError::new(part, fault).into(),
        (LayoutError::Fault(fault), Some(entry)) => ArchiveError::at(part, entry, fault).into(),
    }
}

/// The name as text, if it is a plain relative path. Names are keys here, never paths on a disk,
/// but whoever unpacks a refused upload to look at it should not be hurt either.
fn checked_name<'a>(
    entry: &'a ZipFileEntry<'_>,
    limits: &Limits,
) -> Result<&'a str, (String, ArchiveFault)> {
    let raw = entry.name_raw();
    let shown = || String::from_utf8_lossy(&raw[..raw.len().min(200)]).into_owned();
    let limit = |limit, allowed| (shown(), ArchiveFault::Limit { limit, allowed });
    let bad = |why| (shown(), ArchiveFault::Name(why));
    if raw.len() as u64 > limits.name_bytes {
        return Err(limit("name_bytes", limits.name_bytes));
    }
    let name = std::str::from_utf8(raw).map_err(|_| bad("not UTF-8"))?;
    if name.contains('\0') {
        return Err(bad("not free of NUL"));
    }
    if name.contains('\\') {
        return Err(bad("not free of backslashes"));
    }
    if name.starts_with('/') || name.as_bytes().get(1) == Some(&b':') {
        return Err(bad("an absolute path"));
    }
    let path = name.strip_suffix('/').unwrap_or(name);
    if path.split('/').any(|c| c == "..") {
        return Err(bad("a path that climbs out with .."));
    }
    if path.split('/').any(|c| c.is_empty() || c == ".") {
        return Err(bad("a path with an empty or . component"));
    }
    if path.split('/').count() as u64 > limits.path_depth {
        return Err(limit("path_depth", limits.path_depth));
    }
    Ok(name)
}

fn check_kind(entry: &ZipFileEntry<'_>) -> Result<(), ArchiveFault> {
    const FILE_TYPE: u32 = 0o170_000;
    const REGULAR: u32 = 0o100_000;
    const DIRECTORY: u32 = 0o040_000;
    let file_type = entry.unix_mode().unwrap_or(0) & FILE_TYPE;
    let expected = if entry.is_dir() { DIRECTORY } else { REGULAR };
    if entry.is_symlink() || (file_type != 0 && file_type != expected) {
        return Err(ArchiveFault::NotAFile);
    }
    if entry.encrypted() {
        return Err(ArchiveFault::Encrypted);
    }
    match entry.compression() {
        CompressionMethod::Stored | CompressionMethod::Deflated => Ok(()),
        _ => Err(ArchiveFault::Compression),
    }
}
