//! Names are plain relative paths, each once: they are keys, and whoever unpacks a refused upload
//! to look at it should not be hurt either.

use portolan_domain::archive::{ArchiveFault, ArchivePart};

use crate::{
    support::{export, export_with, open, outer, refused, refused_inside, unsigned},
    zips::{Entry, zip},
};

#[track_caller]
fn fault_of(name: &[u8]) -> ArchiveFault {
    refused_inside(&export_with(Entry::stored(name, "{}"))).fault
}

#[test]
fn names_that_leave_the_archive_are_refused() {
    let climbs = ArchiveFault::Name("a path that climbs out with ..");
    for name in [
        "../evil",
        "export/../../evil",
        "export/..",
        "..",
        "export/../",
    ] {
        assert_eq!(fault_of(name.as_bytes()), climbs, "{name}");
    }
    let absolute = ArchiveFault::Name("an absolute path");
    for name in ["/etc/passwd", "/", "//host/share", "C:/evil", "c:evil"] {
        assert_eq!(fault_of(name.as_bytes()), absolute, "{name}");
    }
}

#[test]
fn names_that_are_read_in_two_ways_are_refused() {
    let unclear = ArchiveFault::Name("a path with an empty or . component");
    for name in ["", "export//x", "export/./x", "./x", "export/x//", "."] {
        assert_eq!(fault_of(name.as_bytes()), unclear, "{name}");
    }
    let backslash = ArchiveFault::Name("not free of backslashes");
    for name in ["export\\x.json", "export/x\\", "..\\evil"] {
        assert_eq!(fault_of(name.as_bytes()), backslash, "{name}");
    }
    let nul = ArchiveFault::Name("not free of NUL");
    assert_eq!(fault_of(b"export/x.json\0.txt"), nul);
    assert_eq!(
        fault_of(b"export/\xff.json"),
        ArchiveFault::Name("not UTF-8")
    );
}

#[test]
fn a_refusal_names_the_entry_without_its_control_characters() {
    let error = refused_inside(&export_with(Entry::stored("../\x1b[2J\n", "{}")));
    assert_eq!(error.entry.as_deref(), Some("../\\u{1b}[2J\\n"));
}

#[test]
fn dots_inside_a_component_are_plain() {
    for name in [
        "export/a..b",
        "export/...",
        "export/.hidden",
        "export/ä.json",
    ] {
        let upload = unsigned(&export_with(Entry::stored(name, "{}")));
        assert!(open(&upload).is_ok(), "{name}");
    }
}

#[test]
fn a_name_twice_is_refused_in_both_archives() {
    let error = refused_inside(&export_with(Entry::stored("export/meta.json", "{}")));
    assert_eq!(error.fault, ArchiveFault::NameTwice);
    assert_eq!(error.entry.as_deref(), Some("export/meta.json"));
    for twice in ["signature", "consumer_export.zip"] {
        let error = refused(&zip(&[
            Entry::stored("consumer_export.zip", export()),
            Entry::stored("signature", "x"),
            Entry::stored(twice, "y"),
        ]));
        assert_eq!(error.fault, ArchiveFault::NameTwice);
        assert_eq!(error.part, ArchivePart::Outer);
        assert_eq!(error.entry.as_deref(), Some(twice));
    }
}

#[test]
fn outer_names_that_differ_only_in_case_are_refused() {
    for other in ["Signature", "SIGNATURE", "Consumer_Export.zip"] {
        let error = refused(&zip(&[
            Entry::stored("consumer_export.zip", export()),
            Entry::stored("signature", "x"),
            Entry::stored(other, "y"),
        ]));
        assert_eq!(error.fault, ArchiveFault::Unexpected, "{other}");
        assert_eq!(error.entry.as_deref(), Some(other));
    }
}

#[test]
fn the_outer_archive_holds_its_two_entries_and_no_more() {
    for extra in ["readme.txt", "consumer_export2.zip", "sub/signature"] {
        let error = refused(&zip(&[
            Entry::stored("consumer_export.zip", export()),
            Entry::stored("signature", "x"),
            Entry::stored(extra, "y"),
        ]));
        assert_eq!(error.fault, ArchiveFault::Unexpected, "{extra}");
    }
}

#[test]
fn an_archive_nested_twice_is_refused() {
    let upload = unsigned(&export());
    let error = refused_inside(&zip(&[
        Entry::stored("consumer_export.zip", upload),
        Entry::stored("../consumer_export.zip", "x"),
    ]));
    assert!(matches!(error.fault, ArchiveFault::Name(_)));
    // Without any hostile name it opens, but there is no manifest in it: nothing looks deeper.
    let twice = unsigned(&unsigned(&export()));
    let error = crate::support::content_error(&twice);
    assert_eq!(error.entry.as_deref(), Some("export/meta.json"));
    assert_eq!(error.reason, "is missing");
}

#[test]
fn what_is_missing_is_named() {
    let lacking = |entry: Entry| {
        let error = refused(&zip(&[entry]));
        assert_eq!(error.fault, ArchiveFault::Missing);
        error.entry.unwrap()
    };
    let export = Entry::stored("consumer_export.zip", export());
    assert_eq!(lacking(export), "signature");
    let signature = Entry::stored("signature", "x");
    assert_eq!(lacking(signature), "consumer_export.zip");
}

#[test]
fn an_empty_signature_is_refused() {
    let error = refused(&outer(&export(), b""));
    assert_eq!(error.fault, ArchiveFault::EmptyEntry);
    assert_eq!(error.entry.as_deref(), Some("signature"));
}
