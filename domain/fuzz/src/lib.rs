//! What the fuzz targets do with their bytes: the import's way from bytes to content, through its
//! public doors only. The domain's tests run the same functions over every committed seed.

use std::{
    io::{Cursor, Write},
    sync::LazyLock,
};

use portolan_domain::{
    archive::SignedArchive,
    build::{Authority, KeyKind, Validity, write_outer},
    cdn_url::HttpCdn,
    conflict::Forced,
    edge::Resource,
    ids::OwnerKey,
    limits::Limits,
    manifest::ParseError,
    ostree::{read_commit, read_summary, read_superblock},
    trust::{Anchor, AnchorSettings, AnchorSource, ForcedSignature, TrustAnchors},
};
use time::{OffsetDateTime, macros::datetime};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
const META: &[u8] = br#"{"created":"2026-11-01T10:00:00.000+0000"}"#;
const CONSUMER: &[u8] = br#"{"uuid":"consumer-1"}"#;

/// Where the bytes of a JSON input stand; its first byte chooses.
const PLACES: [&str; 7] = [
    "export/scheme.json",
    "export/meta.json",
    "export/consumer.json",
    "export/upstream_consumer/1.json",
    "export/content_delivery_network/1.json",
    "export/entitlements/1.json",
    "export/consumer_types/1.json",
];

/// One anchor, so that certificates are compared with something.
static ANCHORS: LazyLock<TrustAnchors> = LazyLock::new(|| {
    let validity = Validity {
        from: datetime!(2020-01-01 0:00 UTC),
        until: datetime!(2046-01-01 0:00 UTC),
    };
    let ca = Authority::self_signed("Fuzz CA", KeyKind::Ed25519, validity).unwrap();
    let pem = ca.certificate_pem().unwrap();
    let name = "fuzz.pem".parse().unwrap();
    let settings = AnchorSettings::default();
    let source = AnchorSource::Directory;
    TrustAnchors::new(Anchor::from_file(&name, source, pem.as_bytes(), &settings).unwrap())
});

fn limits() -> Limits {
    Limits {
        unpacked_bytes: 4 << 20,
        entries: 1000,
        json_bytes: 1 << 20,
        ..Limits::default()
    }
}

/// Takes `bytes` as an upload, and as the inner archive of one that is otherwise right.
pub fn archive(bytes: &[u8]) {
    import(bytes);
    import(&upload(bytes));
}

/// Takes `bytes`, without the first one, as the JSON file that the first one chooses.
pub fn manifest_json(bytes: &[u8]) {
    if let Some((choice, json)) = bytes.split_first() {
        let place = PLACES[usize::from(*choice) % PLACES.len()];
        import(&upload(&export(place, json)));
    }
}

/// Takes `bytes` as each of the files that are read of an OSTree repository.
pub fn ostree(bytes: &[u8]) {
    let _ = read_commit(bytes);
    let _ = read_superblock(bytes);
    let _ = read_summary(bytes);
}

/// Takes `bytes` as a URI that an edge asks about.
pub fn edge_uri(bytes: &[u8]) {
    let _ = Resource::of_uri(&String::from_utf8_lossy(bytes));
}

/// The whole way: open, verify (nobody does, so it is forced), parse, read every item.
fn import(upload: &[u8]) {
    let Ok(archive) = SignedArchive::open(Cursor::new(upload), spool(), &limits()) else {
        return;
    };
    let owner: OwnerKey = "fuzz".parse().unwrap();
    let forced = Forced::parse(["SIGNATURE_CONFLICT", "UNTRUSTED_SIGNING_CERTIFICATE"]).unwrap();
    let forced = (ForcedSignature::Allowed, &forced);
    let Ok(verified) = archive.verify(&ANCHORS, &owner, NOW, forced) else {
        return;
    };
    if let Ok(mut manifest) = verified.parse(HttpCdn::Refused) {
        let _ = manifest.items::<ParseError>(NOW, |_| Ok(()));
    }
}

fn spool() -> Cursor<Vec<u8>> {
    Cursor::default()
}

/// The outer archive around these bytes, with a signature of nobody.
fn upload(export: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_outer(&mut out, &mut &*export, b"no signature").unwrap();
    out
}

/// A small manifest with this file in place of its own, if it has one.
fn export(place: &str, json: &[u8]) -> Vec<u8> {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut zip = ZipWriter::new(spool());
    let mut add = |name: &str, bytes: &[u8]| {
        zip.start_file(name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    };
    for (name, bytes) in [
        ("export/meta.json", META),
        ("export/consumer.json", CONSUMER),
        ("export/consumer_types/1.json", b"{}"),
    ] {
        if name != place {
            add(name, bytes);
        }
    }
    add(place, json);
    zip.finish().unwrap().into_inner()
}
