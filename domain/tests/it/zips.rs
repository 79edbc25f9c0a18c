//! Zip archives made byte by byte, so that every field can lie: libraries refuse to write what a
//! hostile upload may hold.

use std::io::{Cursor, Read, Write};

use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

/// What a local header or a directory entry says of a file.
#[derive(Clone, Default)]
pub struct Header {
    pub name: Vec<u8>,
    pub flags: u16,
    pub method: u16,
    pub crc: u32,
    pub compressed: u32,
    pub uncompressed: u32,
    pub extra: Vec<u8>,
}

/// One entry; its two headers agree until a test makes them differ.
#[derive(Clone, Default)]
pub struct Entry {
    /// Bytes before the local header, which belong to nobody.
    pub before: Vec<u8>,
    pub local: Header,
    pub data: Vec<u8>,
    pub descriptor: Vec<u8>,
    pub central: Header,
    pub made_by: u16,
    pub external: u32,
    /// Where the directory says that the local header is, if it lies.
    pub offset: Option<u32>,
    pub unlisted: bool,
    /// Only listed: its bytes are another entry's.
    pub bare: bool,
}

/// What the end of an archive says.
#[derive(Default)]
pub struct End {
    pub entries_here: u16,
    pub entries: u16,
    pub size: u32,
    pub start: u32,
    pub comment: Vec<u8>,
    pub tail: Vec<u8>,
    pub zip64: Option<Zip64>,
}

/// The zip64 end record and its locator.
pub struct Zip64 {
    pub record_size: u64,
    pub entries_here: u64,
    pub entries: u64,
    pub size: u64,
    pub start: u64,
    pub record_at: u64,
}

const DOS: u16 = 20;
const UNIX: u16 = 0x0314;
const BIT_3: u16 = 8;

impl Entry {
    pub fn stored(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        Self::packed(name.as_ref(), content, content.to_vec(), 0)
    }

    pub fn deflated(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        Self::packed(name.as_ref(), content, deflate(content), 8)
    }

    fn packed(name: &[u8], content: &[u8], data: Vec<u8>, method: u16) -> Self {
        let header = Header {
            name: name.to_vec(),
            method,
            crc: crc32(content),
            compressed: u32::try_from(data.len()).unwrap(),
            uncompressed: u32::try_from(content.len()).unwrap(),
            ..Header::default()
        };
        let (local, central) = (header.clone(), header);
        let made_by = DOS;
        Self {
            local,
            data,
            central,
            made_by,
            ..Self::default()
        }
    }

    /// Sizes in a trailing data descriptor, as streaming writers make them.
    pub fn streamed(mut self, signature: bool) -> Self {
        self.local.flags |= BIT_3;
        self.central.flags |= BIT_3;
        let Header {
            crc,
            compressed,
            uncompressed,
            ..
        } = self.central;
        (
            self.local.crc,
            self.local.compressed,
            self.local.uncompressed,
        ) = (0, 0, 0);
        if signature {
            self.descriptor.extend(b"PK\x07\x08");
        }
        for value in [crc, compressed, uncompressed] {
            self.descriptor.extend(value.to_le_bytes());
        }
        self
    }

    pub fn unix_mode(mut self, mode: u32) -> Self {
        self.made_by = UNIX;
        self.external = mode << 16;
        self
    }

    /// The same change in both headers.
    pub fn both(mut self, change: impl Fn(&mut Header)) -> Self {
        change(&mut self.local);
        change(&mut self.central);
        self
    }
}

/// An archive of these entries whose end record is true.
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    zip_with(entries, |_| {})
}

/// An archive whose end says what `change` makes of the truth.
pub fn zip_with(entries: &[Entry], change: impl FnOnce(&mut End)) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    let mut listed = 0;
    for entry in entries {
        out.extend(&entry.before);
        let offset = u32::try_from(out.len()).unwrap();
        if !entry.bare {
            local_header(&mut out, &entry.local);
            out.extend(&entry.data);
            out.extend(&entry.descriptor);
        }
        if !entry.unlisted {
            listed += 1;
            central_header(&mut directory, entry, entry.offset.unwrap_or(offset));
        }
    }
    let mut end = End {
        entries_here: u16::try_from(listed).unwrap_or(u16::MAX),
        entries: u16::try_from(listed).unwrap_or(u16::MAX),
        size: u32::try_from(directory.len()).unwrap(),
        start: u32::try_from(out.len()).unwrap(),
        ..End::default()
    };
    change(&mut end);
    out.extend(directory);
    end_records(&mut out, &end);
    out
}

impl End {
    /// Adds a zip64 record that repeats the truth, and points the old record at it.
    pub fn with_zip64(&mut self) -> &mut Zip64 {
        let truth = Zip64 {
            record_size: 44,
            entries_here: self.entries.into(),
            entries: self.entries.into(),
            size: self.size.into(),
            start: self.start.into(),
            record_at: u64::from(self.start) + u64::from(self.size),
        };
        (self.entries_here, self.entries) = (u16::MAX, u16::MAX);
        (self.size, self.start) = (u32::MAX, u32::MAX);
        self.zip64.insert(truth)
    }
}

fn local_header(out: &mut Vec<u8>, header: &Header) {
    out.extend(b"PK\x03\x04\x14\x00");
    common(out, header);
    out.extend(&header.name);
    out.extend(&header.extra);
}

fn central_header(out: &mut Vec<u8>, entry: &Entry, offset: u32) {
    out.extend(b"PK\x01\x02");
    out.extend(entry.made_by.to_le_bytes());
    out.extend(20_u16.to_le_bytes());
    common(out, &entry.central);
    // No comment, disk 0, no internal attributes.
    out.extend([0; 6]);
    out.extend(entry.external.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out.extend(&entry.central.name);
    out.extend(&entry.central.extra);
}

/// From the flags to the length of the extra field: the same in both headers.
fn common(out: &mut Vec<u8>, header: &Header) {
    out.extend(header.flags.to_le_bytes());
    out.extend(header.method.to_le_bytes());
    out.extend([0, 0, 0x21, 0]);
    for value in [header.crc, header.compressed, header.uncompressed] {
        out.extend(value.to_le_bytes());
    }
    for length in [header.name.len(), header.extra.len()] {
        out.extend(u16::try_from(length).unwrap().to_le_bytes());
    }
}

fn end_records(out: &mut Vec<u8>, end: &End) {
    if let Some(zip64) = &end.zip64 {
        out.extend(b"PK\x06\x06");
        out.extend(zip64.record_size.to_le_bytes());
        out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for value in [zip64.entries_here, zip64.entries, zip64.size, zip64.start] {
            out.extend(value.to_le_bytes());
        }
        out.extend(b"PK\x06\x07\x00\x00\x00\x00");
        out.extend(zip64.record_at.to_le_bytes());
        out.extend(1_u32.to_le_bytes());
    }
    out.extend(b"PK\x05\x06\x00\x00\x00\x00");
    out.extend(end.entries_here.to_le_bytes());
    out.extend(end.entries.to_le_bytes());
    out.extend(end.size.to_le_bytes());
    out.extend(end.start.to_le_bytes());
    out.extend(u16::try_from(end.comment.len()).unwrap().to_le_bytes());
    out.extend(&end.comment);
    out.extend(&end.tail);
}

/// Raw deflate, taken out of an archive that the library wrote.
pub fn deflate(content: &[u8]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .start_file("x", SimpleFileOptions::default())
        .unwrap();
    writer.write_all(content).unwrap();
    let mut archive = ZipArchive::new(writer.finish().unwrap()).unwrap();
    let mut raw = Vec::new();
    let mut entry = archive.by_index_raw(0).unwrap();
    entry.read_to_end(&mut raw).unwrap();
    raw
}

/// CRC-32 as zip uses it (APPNOTE.TXT 4.4.7).
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc = crc >> 1 ^ (0xEDB8_8320 * carry);
        }
    }
    !crc
}
