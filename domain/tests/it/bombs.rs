//! Uploads made to exhaust memory or disk: each is refused while it is small, in bounded memory.

use std::{
    io::{self, Cursor, Read, Seek, SeekFrom, Write},
    sync::Mutex,
};

use portolan_domain::{
    archive::{ArchiveFault, SignedArchive},
    build::write_outer,
    limits::Limits,
    manifest::ParseError,
};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{
    support::{archive_error, base, content, content_error, error_of, export_with, unsigned},
    zips::{Entry, zip_with},
};

const MIB: u64 = 1 << 20;

/// One at a time: they measure what the whole process takes.
static ALONE: Mutex<()> = Mutex::new(());

/// A spool that counts and forgets.
#[derive(Default)]
struct Counting(u64);

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Counting {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl Seek for Counting {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Ok(self.0)
    }
}

/// The most memory this process ever had, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}

/// Runs `attack`, and checks that it took less memory than what it unpacks.
fn in_bounded_memory(attack: impl FnOnce()) {
    let before = peak_memory().unwrap_or_default();
    attack();
    let grown = peak_memory().unwrap_or_default().saturating_sub(before);
    assert!(grown < 120 * MIB, "it took {} MiB", grown / MIB);
}

/// 200 MiB of zeros, 200 KiB packed.
fn zeros(path: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in base() {
        let name = String::from_utf8(entry.central.name).unwrap();
        if name != path {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(&entry.data).unwrap();
        }
    }
    zip.start_file(path, SimpleFileOptions::default()).unwrap();
    io::copy(&mut io::repeat(b' ').take(200 * MIB), &mut zip).unwrap();
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_bomb_among_the_files_is_refused() {
    let _alone = ALONE.lock();
    let upload = unsigned(&zeros("export/entitlements/e.json"));
    assert!(upload.len() < 400_000, "it is no bomb");
    in_bounded_memory(|| match error_of(content(&upload)) {
        ParseError::Open(error) => {
            let error = archive_error(Err::<(), _>(error));
            let (limit, allowed) = ("json_bytes", 16 * MIB);
            assert_eq!(error.fault, ArchiveFault::Limit { limit, allowed });
            assert_eq!(error.entry.as_deref(), Some("export/entitlements/e.json"));
        }
        ParseError::Content(error) => panic!("refused for its content: {error}"),
    });
}

#[test]
fn a_bomb_that_nobody_reads_is_counted() {
    let upload = unsigned(&zeros("export/unknown.bin"));
    let limits = Limits {
        unpacked_bytes: 100 * MIB,
        ..Limits::default()
    };
    match error_of(crate::support::content_within(&upload, &limits)) {
        ParseError::Open(error) => {
            let error = archive_error(Err::<(), _>(error));
            let (limit, allowed) = ("unpacked_bytes", 100 * MIB);
            assert_eq!(error.fault, ArchiveFault::Limit { limit, allowed });
        }
        ParseError::Content(error) => panic!("refused for its content: {error}"),
    }
}

#[test]
fn a_bomb_as_the_inner_archive_fills_no_disk() {
    let _alone = ALONE.lock();
    let mut upload = Vec::new();
    write_outer(&mut upload, &mut io::repeat(0).take(200 * MIB), b"x").unwrap();
    assert!(upload.len() < 400_000, "it is no bomb");
    let limits = Limits {
        unpacked_bytes: 10 * MIB,
        ..Limits::default()
    };
    let mut spool = Counting::default();
    in_bounded_memory(|| {
        let opened = SignedArchive::open(Cursor::new(&upload), &mut spool, &limits);
        let error = archive_error(opened);
        let (limit, allowed) = ("unpacked_bytes", 10 * MIB);
        assert_eq!(error.fault, ArchiveFault::Limit { limit, allowed });
        assert_eq!(error.entry.as_deref(), Some("consumer_export.zip"));
    });
    assert!(spool.0 <= 10 * MIB, "{} bytes were written", spool.0);
}

#[test]
fn more_than_half_a_million_entries_are_refused() {
    let _alone = ALONE.lock();
    let entry = |number: u32| Entry::stored(format!("{number:06}"), "");
    let entries: Vec<Entry> = (0..500_001).map(entry).collect();
    let export = zip_with(&entries, |end| {
        let zip64 = end.with_zip64();
        (zip64.entries_here, zip64.entries) = (500_001, 500_001);
    });
    drop(entries);
    let mut upload = Vec::new();
    write_outer(&mut upload, &mut export.as_slice(), b"x").unwrap();
    drop(export);
    let spool = tempfile::tempfile().unwrap();
    let opened = SignedArchive::open(Cursor::new(&upload), spool, &Limits::default());
    let error = archive_error(opened);
    let (limit, allowed) = ("entries", 500_000);
    assert_eq!(error.fault, ArchiveFault::Limit { limit, allowed });
}

#[test]
fn json_nested_a_hundred_thousand_deep_is_refused() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        for name in ["export/entitlements/e.json", "export/consumer_types/a.json"] {
            let upload = unsigned(&export_with(Entry::deflated(name, &deep)));
            let error = content_error(&upload);
            assert_eq!(error.entry.as_deref(), Some(name));
            assert!(error.reason.contains("deeper than 64"), "{error}");
        }
    }
}
