//! Every limit refuses with an error that names it and the entry, and counts what is read, never
//! what a header claims.

use portolan_domain::{
    archive::{ArchiveError, ArchiveFault, ArchivePart},
    conflict::Forced,
    limits::Limits,
    manifest::ParseError,
    trust::{ForcedSignature, SignatureAlgorithm, VerifyError},
};

use crate::{
    support::{
        ED25519, NOW, anchor, archive_error, base, content_within, error_of, export, export_with,
        open_within, outer, owner, scheme_export, sign, trust, unsigned,
    },
    zips::{Entry, zip},
};

/// Asserts which limit an entry broke.
#[track_caller]
fn is_limit(error: &ArchiveError, entry: Option<&str>, limit: &'static str, allowed: u64) {
    assert_eq!(error.fault, ArchiveFault::Limit { limit, allowed });
    assert_eq!(error.entry.as_deref(), entry);
    let text = error.to_string();
    assert!(text.contains(&format!("{limit} = {allowed}")), "{text}");
}

#[track_caller]
fn refused_within(upload: &[u8], limits: &Limits) -> ArchiveError {
    archive_error(open_within(upload, limits))
}

/// The refusal while the content is read.
#[track_caller]
fn refused_reading(export: &[u8], limits: &Limits) -> ArchiveError {
    match error_of(content_within(&unsigned(export), limits)) {
        ParseError::Open(error) => archive_error(Err::<(), _>(error)),
        ParseError::Content(error) => panic!("refused for its content: {error}"),
    }
}

#[test]
fn entries() {
    let limits = |entries| Limits {
        entries,
        ..Limits::default()
    };
    let upload = unsigned(&export());
    assert!(open_within(&upload, &limits(3)).is_ok());
    let error = refused_within(&upload, &limits(2));
    is_limit(&error, None, "entries", 2);
    assert_eq!(error.part, ArchivePart::Inner);
    let error = refused_within(&upload, &limits(1));
    assert_eq!(error.part, ArchivePart::Outer);
}

#[test]
fn name_bytes() {
    let limits = Limits {
        name_bytes: 40,
        ..Limits::default()
    };
    let named = |length: usize| {
        let name = format!("export/{}", "n".repeat(length - 7));
        (unsigned(&export_with(Entry::stored(&name, ""))), name)
    };
    assert!(open_within(&named(40).0, &limits).is_ok());
    let (upload, name) = named(41);
    is_limit(
        &refused_within(&upload, &limits),
        Some(&name),
        "name_bytes",
        40,
    );
    // Multi-byte characters count as bytes; the longest name a zip can hold is shown shortened.
    let (upload, name) = named(65_000);
    let error = refused_within(&upload, &Limits::default());
    is_limit(&error, Some(&name[..200]), "name_bytes", 512);
}

#[test]
fn path_depth() {
    let deep = |components: usize| {
        let name = vec!["d"; components].join("/");
        unsigned(&export_with(Entry::stored(name, "")))
    };
    assert!(open_within(&deep(8), &Limits::default()).is_ok());
    let error = refused_within(&deep(9), &Limits::default());
    is_limit(&error, Some("d/d/d/d/d/d/d/d/d"), "path_depth", 8);
}

#[test]
fn signature_bytes() {
    let limits = Limits::default();
    assert!(open_within(&outer(&export(), &vec![7; 16 << 10]), &limits).is_ok());
    let upload = outer(&export(), &vec![7; (16 << 10) + 1]);
    let error = refused_within(&upload, &limits);
    is_limit(&error, Some("signature"), "signature_bytes", 16 << 10);
    assert_eq!(error.part, ArchivePart::Outer);
}

#[test]
fn scheme_bytes() {
    let long = format!(r#"{{"name":"{}"}}"#, "n".repeat(64 << 10));
    let upload = unsigned(&export_with(Entry::deflated("export/scheme.json", long)));
    let error = refused_within(&upload, &Limits::default());
    is_limit(&error, Some("export/scheme.json"), "scheme_bytes", 64 << 10);
}

#[test]
fn json_bytes_of_every_kind_of_file() {
    let limits = Limits {
        json_bytes: 100,
        ..Limits::default()
    };
    let long = format!(r#"{{"id":"x","text":"{}"}}"#, "t".repeat(100));
    for folder in [
        "content_delivery_network",
        "upstream_consumer",
        "entitlements",
        "consumer_types",
        "products",
        "distributor_version",
    ] {
        let name = format!("export/{folder}/long.json");
        let mut entries = base();
        let entitlement = crate::support::ENTITLEMENT;
        entries.push(Entry::stored("export/entitlements/e.json", entitlement));
        entries.push(Entry::deflated(&name, &long));
        let error = refused_reading(&zip(&entries), &limits);
        is_limit(&error, Some(&name), "json_bytes", 100);
    }
}

#[test]
fn files_that_nobody_reads_have_no_size_of_their_own() {
    let limits = Limits {
        json_bytes: 200,
        ..Limits::default()
    };
    let rules = Entry::deflated("export/rules2/rules.js", vec![b'x'; 100_000]);
    assert!(content_within(&unsigned(&export_with(rules)), &limits).is_ok());
}

#[test]
fn unpacked_bytes_count_across_entries() {
    let product = |number: u32| {
        let json = format!(r#"{{"id":"{number}","text":"{}"}}"#, "t".repeat(1000));
        Entry::deflated(format!("export/products/{number}.json"), json)
    };
    let mut entries = base();
    let entitlement = crate::support::ENTITLEMENT;
    entries.push(Entry::stored("export/entitlements/e.json", entitlement));
    entries.extend((0..10).map(product));
    let export = zip(&entries);
    let needed = unpacked(&entries) + export.len() as u64 + "no signature".len() as u64;
    let limits = |unpacked_bytes| Limits {
        unpacked_bytes,
        ..Limits::default()
    };
    assert!(content_within(&unsigned(&export), &limits(needed)).is_ok());
    let error = refused_reading(&export, &limits(needed - 1));
    is_limit(
        &error,
        Some("export/products/9.json"),
        "unpacked_bytes",
        needed - 1,
    );
    let error = refused_reading(&export, &limits(needed - 1500));
    is_limit(
        &error,
        Some("export/products/8.json"),
        "unpacked_bytes",
        needed - 1500,
    );
}

fn unpacked(entries: &[Entry]) -> u64 {
    let size = |entry: &Entry| u64::from(entry.central.uncompressed);
    entries.iter().map(size).sum()
}

#[test]
fn unpacked_bytes_count_the_inner_archive_itself() {
    let limits = Limits {
        unpacked_bytes: 300,
        ..Limits::default()
    };
    let error = refused_within(&unsigned(&export()), &limits);
    is_limit(&error, Some("consumer_export.zip"), "unpacked_bytes", 300);
    assert_eq!(error.part, ArchivePart::Outer);
}

#[test]
fn oneshot_bytes_hold_for_messages_that_are_taken_at_once() {
    let export = scheme_export(&ED25519, "Ed25519", "Ed25519");
    let upload = outer(
        &export,
        &sign(&ED25519, SignatureAlgorithm::Ed25519, &export),
    );
    let verify = |oneshot_bytes| {
        let limits = Limits {
            oneshot_bytes,
            ..Limits::default()
        };
        let archive = open_within(&upload, &limits).unwrap();
        let anchors = trust([anchor("ed25519.pem", &ED25519)]);
        archive.verify(
            &anchors,
            &owner(),
            NOW,
            (ForcedSignature::Refused, &Forced::default()),
        )
    };
    let length = export.len() as u64;
    assert!(verify(length).is_ok());
    match error_of(verify(length - 1)) {
        VerifyError::Open(error) => {
            let error = archive_error(Err::<(), _>(error));
            is_limit(&error, None, "oneshot_bytes", length - 1);
            assert_eq!(error.part, ArchivePart::Inner);
        }
        VerifyError::Refused(refusal) => panic!("refused for its signature: {refusal}"),
    }
}
