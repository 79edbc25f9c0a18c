//! What an entry may be: a regular file, stored or deflated, whole and as long as it says.

use portolan_domain::archive::{ArchiveError, ArchiveFault, ArchivePart};

use crate::{
    support::{base, content, export, export_with, open, refused, refused_inside, says, unsigned},
    zips::{Entry, zip},
};

const NAME: &str = "export/products/1.json";

fn product() -> Entry {
    Entry::deflated(NAME, r#"{"id":"1","name":"a product of some length"}"#)
}

/// The refusal of an inner archive with this entry.
#[track_caller]
fn refused_entry(entry: Entry) -> ArchiveError {
    let error = refused_inside(&export_with(entry));
    assert_eq!(error.entry.as_deref(), Some(NAME), "{error}");
    error
}

#[track_caller]
fn taken(entry: Entry) {
    let mut entries = base();
    entries.push(Entry::stored(
        "export/entitlements/e.json",
        crate::support::ENTITLEMENT,
    ));
    entries.push(entry);
    let content = content(&unsigned(&zip(&entries))).unwrap();
    assert!(
        content
            .kept
            .iter()
            .any(|(path, _)| path == "products/1.json")
    );
}

#[test]
fn stored_and_deflated_files_are_taken() {
    taken(product());
    taken(Entry::stored(NAME, r#"{"id":"1"}"#));
    taken(product().unix_mode(0o100_644));
    taken(product().unix_mode(0o644));
}

#[test]
fn data_descriptors_are_taken_with_and_without_their_signature() {
    taken(product().streamed(true));
    taken(product().streamed(false));
}

#[test]
fn a_data_descriptor_that_lies_is_refused() {
    for (signature, at) in [
        (true, 4),
        (true, 8),
        (true, 12),
        (false, 0),
        (false, 4),
        (false, 8),
    ] {
        let mut entry = product().streamed(signature);
        entry.descriptor[at] ^= 1;
        match refused_entry(entry).fault {
            ArchiveFault::Malformed(why) => says(why, "data descriptor"),
            other => panic!("refused for another reason: {other}"),
        }
    }
}

#[test]
fn directory_entries_are_skipped() {
    let mut entries = base();
    entries.insert(0, Entry::stored("export/", "").unix_mode(0o040_755));
    entries.insert(1, Entry::stored("export/consumer_types/", ""));
    assert!(content(&unsigned(&zip(&entries))).is_ok());
    let upload = zip(&[
        Entry::stored("folder/", ""),
        Entry::stored("consumer_export.zip", export()),
        Entry::stored("signature", "x"),
    ]);
    assert!(open(&upload).is_ok());
}

#[test]
fn links_and_devices_are_refused() {
    for mode in [
        0o120_777, 0o020_644, 0o060_644, 0o010_644, 0o140_644, 0o040_755,
    ] {
        let error = refused_entry(product().unix_mode(mode));
        assert_eq!(error.fault, ArchiveFault::NotAFile, "{mode:o}");
    }
    let link = Entry::stored("signature", "/etc/passwd").unix_mode(0o120_777);
    let error = refused(&zip(&[
        Entry::stored("consumer_export.zip", export()),
        link,
    ]));
    assert_eq!(error.fault, ArchiveFault::NotAFile);
    assert_eq!(error.part, ArchivePart::Outer);
}

#[test]
fn encrypted_entries_are_refused() {
    let error = refused_entry(product().both(|header| header.flags |= 1));
    assert_eq!(error.fault, ArchiveFault::Encrypted);
}

#[test]
fn unknown_compression_is_refused() {
    // deflate64, bzip2, lzma, zstd, AES, and a number of nobody.
    for method in [9, 12, 14, 93, 99, 4711] {
        let error = refused_entry(product().both(|header| header.method = method));
        assert_eq!(error.fault, ArchiveFault::Compression, "method {method}");
    }
}

/// The refusal of content that is read: `scheme.json` is, right at the opening.
#[track_caller]
fn unreadable(change: impl Fn(&mut Entry)) -> String {
    let mut entry = Entry::deflated("export/scheme.json", r#"{"name":"of some length"}"#);
    change(&mut entry);
    let error = refused_inside(&export_with(entry));
    assert_eq!(error.entry.as_deref(), Some("export/scheme.json"));
    match error.fault {
        ArchiveFault::Malformed(why) => why,
        other => panic!("refused for another reason: {other}"),
    }
}

#[test]
fn a_checksum_that_does_not_fit_is_refused() {
    says(
        unreadable(|entry| {
            entry.local.crc ^= 1;
            entry.central.crc ^= 1;
        }),
        "checksum",
    );
}

#[test]
fn a_size_smaller_than_the_content_is_refused() {
    let why = unreadable(|entry| {
        entry.local.uncompressed -= 1;
        entry.central.uncompressed -= 1;
    });
    says(why, "size");
}

#[test]
fn a_size_larger_than_the_content_is_not_believed() {
    let mut entry = Entry::deflated("export/scheme.json", "{}");
    entry.local.uncompressed = u32::MAX - 1;
    entry.central.uncompressed = u32::MAX - 1;
    // Refused for what the content is, after reading all two bytes of it.
    let error = refused_inside(&export_with(entry));
    assert!(matches!(error.fault, ArchiveFault::Scheme(_)), "{error}");
}

#[test]
fn broken_deflate_is_refused() {
    let why = unreadable(|entry| entry.data.fill(0xFF));
    says(why, "deflate");
}

#[test]
fn a_checksum_of_the_inner_archive_counts_too() {
    let mut whole = Entry::stored("consumer_export.zip", export());
    whole.local.crc ^= 1;
    whole.central.crc ^= 1;
    let error = refused(&zip(&[whole, Entry::stored("signature", "x")]));
    assert_eq!(error.entry.as_deref(), Some("consumer_export.zip"));
    says(error, "checksum");
}
