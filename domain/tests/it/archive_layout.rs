//! A zip has one reading or is refused: nothing before, after or between its entries, and an end
//! record, a directory and local headers that agree.

use std::io::Write;

use portolan_domain::{
    archive::{ArchiveFault, ArchivePart, SignedArchive},
    limits::Limits,
};

use crate::{
    support::{archive_error, base, export, open, outer, refused, refused_inside, says, unsigned},
    zips::{Entry, zip, zip_with},
};

/// The fault of an inner archive that must be refused.
#[track_caller]
fn fault(export: &[u8]) -> ArchiveFault {
    refused_inside(export).fault
}

#[track_caller]
fn malformed(export: &[u8], wanted: &str) {
    match fault(export) {
        ArchiveFault::Malformed(why) => says(why, wanted),
        other => panic!("refused for another reason: {other}"),
    }
}

fn changed(change: impl Fn(&mut Vec<Entry>)) -> Vec<u8> {
    let mut entries = base();
    change(&mut entries);
    zip(&entries)
}

#[test]
fn plain_archives_are_taken() {
    assert!(open(&unsigned(&export())).is_ok());
    let commented = zip_with(&base(), |end| end.comment = b"Candlepin export".to_vec());
    assert!(open(&unsigned(&commented)).is_ok());
}

#[test]
fn what_is_no_zip_is_refused() {
    for upload in [&b""[..], b"PK", b"<html>not found</html>", &[0; 4096]] {
        let error = refused(upload);
        assert_eq!(error.part, ArchivePart::Outer);
        assert_eq!(error.fault, ArchiveFault::NotAZip, "{upload:?}");
    }
    assert_eq!(fault(b"no zip inside"), ArchiveFault::NotAZip);
}

#[test]
fn an_empty_zip_is_refused() {
    assert_eq!(refused(&zip(&[])).fault, ArchiveFault::Empty);
    assert_eq!(fault(&zip(&[])), ArchiveFault::Empty);
}

#[test]
fn bytes_before_the_first_entry_are_refused() {
    let shifted = changed(|entries| entries[0].before = b"#!/bin/sh\n".to_vec());
    assert_eq!(fault(&shifted), ArchiveFault::Prefix);
    // A self-extracting archive: all offsets are those of the zip behind the prefix.
    let mut prefixed = b"MZ executable".to_vec();
    prefixed.extend(export());
    assert_eq!(fault(&prefixed), ArchiveFault::Directory);
}

#[test]
fn bytes_after_the_end_record_are_refused() {
    let tailed = zip_with(&base(), |end| end.tail = b"tail".to_vec());
    assert_eq!(fault(&tailed), ArchiveFault::Tail);
    let upload = [unsigned(&export()), b"\0".to_vec()].concat();
    assert_eq!(refused(&upload).fault, ArchiveFault::Tail);
}

#[test]
fn a_comment_shorter_than_it_says_is_refused() {
    let mut cut = zip_with(&base(), |end| end.comment = b"comment".to_vec());
    cut.truncate(cut.len() - 1);
    assert_eq!(fault(&cut), ArchiveFault::Tail);
}

#[test]
fn a_second_end_record_in_the_comment_is_refused() {
    // A whole second record in the comment, which ends with the file as the first one does.
    let whole = zip_with(&base(), |end| end.comment = zip(&[]));
    assert_eq!(fault(&whole), ArchiveFault::Directory);
    let other = zip(&[Entry::stored("export/meta.json", "{}")]);
    let nested = zip_with(&base(), |end| end.comment = other);
    assert_eq!(fault(&nested), ArchiveFault::Directory);
    let cut = zip_with(&base(), |end| end.comment = b"PK\x05\x06".to_vec());
    assert_eq!(fault(&cut), ArchiveFault::NotAZip);
}

#[test]
fn bytes_between_entries_are_refused() {
    let gap = changed(|entries| entries[1].before = vec![0; 7]);
    assert_eq!(fault(&gap), ArchiveFault::Gap(7));
    let behind_data = changed(|entries| entries[2].data.extend(b"hidden"));
    assert_eq!(fault(&behind_data), ArchiveFault::Gap(6));
}

#[test]
fn a_local_header_that_no_directory_lists_is_refused() {
    let hidden = changed(|entries| {
        let mut hidden = Entry::stored("export/scheme.json", "{}");
        hidden.unlisted = true;
        entries.insert(1, hidden);
    });
    assert!(matches!(fault(&hidden), ArchiveFault::Gap(_)));
}

#[test]
fn entries_that_share_bytes_are_refused() {
    // An entry inside the data of another: what makes a small archive unpack to a huge one.
    let hidden = Entry::stored("export/b.json", "{}");
    let carrier = Entry::stored("export/a.bin", zip(std::slice::from_ref(&hidden)));
    let mut bare = hidden;
    (bare.bare, bare.offset) = (true, Some(30 + 12));
    let inside = changed(|entries| {
        entries.splice(..0, [carrier.clone(), bare.clone()]);
    });
    assert_eq!(fault(&inside), ArchiveFault::Overlap);
}

#[test]
fn an_entry_under_two_names_is_refused() {
    let twin = changed(|entries| {
        let mut twin = entries[0].clone();
        (twin.bare, twin.offset) = (true, Some(0));
        entries.push(twin);
    });
    assert_eq!(fault(&twin), ArchiveFault::NameTwice);
    let renamed = changed(|entries| {
        let mut twin = entries[0].clone();
        (twin.bare, twin.offset) = (true, Some(0));
        twin.central.name = b"export/copy.json".to_vec();
        entries.push(twin);
    });
    malformed(&renamed, "name");
}

#[test]
fn a_name_that_differs_in_the_local_header_is_refused() {
    let renamed = changed(|entries| entries[0].local.name = b"export/evil.json".to_vec());
    malformed(&renamed, "name");
}

#[test]
fn sizes_that_differ_in_the_local_header_are_refused() {
    malformed(
        &changed(|entries| entries[0].local.compressed -= 1),
        "compressed size",
    );
    malformed(
        &changed(|entries| entries[0].local.uncompressed += 1),
        "uncompressed size",
    );
    malformed(&changed(|entries| entries[0].local.crc ^= 1), "CRC32");
}

#[test]
fn methods_and_flags_that_differ_are_refused() {
    malformed(
        &changed(|entries| entries[0].local.method = 8),
        "compression",
    );
    malformed(&changed(|entries| entries[0].local.flags = 1), "ncrypt");
    malformed(&changed(|entries| entries[0].local.flags = 8), "descriptor");
    malformed(
        &changed(|entries| entries[0].central.flags = 8),
        "descriptor",
    );
}

#[test]
fn a_directory_that_points_at_no_header_is_refused() {
    let nowhere = changed(|entries| entries[1].offset = Some(3));
    assert!(matches!(fault(&nowhere), ArchiveFault::Malformed(_)));
    let outside = changed(|entries| entries[1].offset = Some(u32::MAX));
    assert!(matches!(fault(&outside), ArchiveFault::Malformed(_)));
}

#[test]
fn wrong_counts_in_the_end_record_are_refused() {
    let fewer = zip_with(&base(), |end| (end.entries_here, end.entries) = (2, 2));
    assert_eq!(fault(&fewer), ArchiveFault::Directory);
    let more = zip_with(&base(), |end| (end.entries_here, end.entries) = (4, 4));
    assert!(matches!(fault(&more), ArchiveFault::Malformed(_)));
    let split = zip_with(&base(), |end| end.entries_here = 2);
    assert_eq!(fault(&split), ArchiveFault::Directory);
    let none = zip_with(&base(), |end| (end.entries_here, end.entries) = (0, 0));
    assert_eq!(fault(&none), ArchiveFault::Empty);
}

#[test]
fn a_directory_of_another_size_or_place_is_refused() {
    for change in [-1_i64, 1, 46] {
        let size = zip_with(&base(), |end| {
            end.size = u32::try_from(i64::from(end.size) + change).unwrap();
        });
        assert_eq!(fault(&size), ArchiveFault::Directory, "size {change:+}");
        let start = zip_with(&base(), |end| {
            end.start = u32::try_from(i64::from(end.start) + change).unwrap();
        });
        assert_eq!(fault(&start), ArchiveFault::Directory, "start {change:+}");
        // Start and size that lie together still end where the end record begins.
        let both = zip_with(&base(), |end| {
            end.start = u32::try_from(i64::from(end.start) + change).unwrap();
            end.size = u32::try_from(i64::from(end.size) - change).unwrap();
        });
        assert!(open(&unsigned(&both)).is_err(), "both {change:+}");
    }
}

#[test]
fn a_zip64_record_is_taken_where_it_repeats_the_truth() {
    let zip64 = zip_with(&base(), |end| _ = end.with_zip64());
    assert!(open(&unsigned(&zip64)).is_ok());
}

#[test]
fn zip64_records_that_disagree_are_refused() {
    let lies: [fn(&mut crate::zips::Zip64); 7] = [
        |z| z.record_size += 1,
        |z| z.entries += 1,
        |z| z.entries_here -= 1,
        |z| z.size -= 1,
        |z| z.start += 1,
        |z| z.record_at -= 1,
        |z| z.start = u64::MAX,
    ];
    for (at, lie) in lies.iter().enumerate() {
        let zip64 = zip_with(&base(), |end| lie(end.with_zip64()));
        assert_eq!(fault(&zip64), ArchiveFault::Directory, "lie {at}");
    }
}

#[test]
fn an_old_end_record_that_contradicts_zip64_is_refused() {
    let contradicts = zip_with(&base(), |end| {
        end.with_zip64();
        (end.entries_here, end.entries) = (1, 1);
    });
    assert_eq!(fault(&contradicts), ArchiveFault::Directory);
    for (start, size) in [(0, u32::MAX), (u32::MAX, 46)] {
        let elsewhere = zip_with(&base(), |end| {
            end.with_zip64();
            (end.start, end.size) = (start, size);
        });
        assert_eq!(fault(&elsewhere), ArchiveFault::Directory);
    }
}

#[test]
fn cut_off_archives_are_refused_at_every_length() {
    let whole = unsigned(&export());
    for length in 0..whole.len() {
        assert!(open(&whole[..length]).is_err(), "cut at {length}");
    }
    let whole = export();
    for length in (0..whole.len()).step_by(7) {
        let error = refused(&outer(&whole[..length], b"x"));
        let part = if length == 0 {
            error.part
        } else {
            ArchivePart::Inner
        };
        assert_eq!(error.part, part, "cut at {length}");
    }
}

/// A zip64 extra field with only a compressed size.
fn zip64_compressed(size: u64) -> Vec<u8> {
    [&b"\x01\x00\x08\x00"[..], &size.to_le_bytes()].concat()
}

#[test]
fn an_entry_longer_than_any_file_is_refused_from_a_file_too() {
    for size in [1 << 40, 1 << 62, 1 << 63, u64::MAX - 60, u64::MAX] {
        let mut entry = Entry::stored("consumer_export.zip", export()).streamed(true);
        entry.central.compressed = u32::MAX;
        entry.central.extra = zip64_compressed(size);
        let upload = zip(&[entry, Entry::stored("signature", "x")]);
        // A file refuses offsets that a buffer in memory takes: that is no fault of our disk.
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&upload).unwrap();
        let opened = SignedArchive::open(file, tempfile::tempfile().unwrap(), &Limits::default());
        let error = archive_error(opened);
        assert_eq!(error.part, ArchivePart::Outer, "{size}: {error}");
        assert_eq!(
            error.entry.as_deref(),
            Some("consumer_export.zip"),
            "{size}: {error}"
        );
    }
}
