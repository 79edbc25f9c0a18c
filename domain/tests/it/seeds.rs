//! The fuzz targets' seeds: run on every plain test, so that what a fuzzer once found stays found,
//! and written anew by an ignored one. Small inputs that reach far, made by the builder where it
//! makes such things, and by hand where an input must be wrong in one place.

use std::{
    fs,
    io::{Cursor, Read},
    path::PathBuf,
};

use portolan_domain::{
    build::{
        Authority, CdnDescription, Description, EntitlementDescription, ManifestSigner,
        write_manifest,
    },
    trust::SignatureAlgorithm,
};
use time::macros::datetime;
use zip::ZipArchive;

use crate::support::{ED25519, NOW, UPSTREAM};

#[path = "../../fuzz/src/lib.rs"]
mod fuzzed;

/// The files of a manifest in the order in which the first byte of a JSON seed chooses them.
const PLACES: [&str; 7] = [
    "export/scheme.json",
    "export/meta.json",
    "export/consumer.json",
    "export/upstream_consumer/",
    "export/content_delivery_network/",
    "export/entitlements/",
    "export/consumer_types/",
];

/// Quirks that the builder does not write.
const QUIRKS: [(u8, &str, &str); 8] = [
    (
        1,
        "meta-millis",
        r#"{"created":1511280065324,"cdnUrl":" ","cdnLabel":null,"href":"/x"}"#,
    ),
    (
        1,
        "meta-bad-url",
        r#"{"created":"2017-11-21T16:01:05Z","cdnUrl":"https://u:p@h/#f"}"#,
    ),
    (
        2,
        "consumer-nulls",
        r#"{"uuid":"u","owner":null,"type":null,"urlWeb":null}"#,
    ),
    (
        4,
        "cdn-certificate",
        r#"{"label":"l","url":"https://h:1/","certificate":{"cert":"x"}}"#,
    ),
    (
        5,
        "entitlement-nulls",
        r#"{"id":"e","quantity":null,"certificates":[null,{}],"pool":{"id":"p","attributes":{"a":1}}}"#,
    ),
    (
        5,
        "entitlement-twice",
        r#"{"id":"e","id":"e","pool":{"id":"p"}}"#,
    ),
    (
        5,
        "entitlement-cert",
        r#"{"id":"e","certificates":[{"cert":"-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nAA==\n-----END CERTIFICATE-----\n","key":"","serial":{"serial":1e300}}],"pool":{"id":"p"}}"#,
    ),
    (
        6,
        "nested",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    ),
];

fn folder(target: &str) -> PathBuf {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds");
    PathBuf::from(seeds).join(target)
}

/// Runs every seed of a target, and counts them.
fn run(target: &str, fuzzed: fn(&[u8])) -> usize {
    let seeds = fs::read_dir(folder(target)).unwrap();
    let paths = seeds.map(|seed| seed.unwrap().path());
    paths.map(|path| fuzzed(&fs::read(path).unwrap())).count()
}

#[test]
fn no_seed_of_archives_does_harm() {
    assert!(run("archive", fuzzed::archive) >= 5, "seeds are missing");
}

#[test]
fn no_seed_of_json_does_harm() {
    let made = PLACES.len() + QUIRKS.len();
    assert!(
        run("manifest_json", fuzzed::manifest_json) >= made,
        "seeds are missing"
    );
}

#[test]
fn no_seed_of_ostree_does_harm() {
    assert!(run("ostree", fuzzed::ostree) >= 4, "seeds are missing");
    assert!(run("edge_uri", fuzzed::edge_uri) >= 3, "seeds are missing");
}

#[test]
#[ignore = "writes files: cargo test -p portolan-domain --test it write_the_seeds -- --ignored"]
fn write_the_seeds() {
    let schemed = ManifestSigner::with_scheme(&ED25519, SignatureAlgorithm::Ed25519).unwrap();
    let whole = upload(&description(), (&ED25519, &schemed));
    let export = entry(&whole, "consumer_export.zip");
    let legacy = ManifestSigner::legacy(&UPSTREAM);
    write("archive", "scheme.zip", &whole);
    write(
        "archive",
        "legacy.zip",
        &upload(&Description::default(), (&UPSTREAM, &legacy)),
    );
    write("archive", "export.zip", &export);
    write("archive", "truncated.zip", &whole[..whole.len() - 30]);
    write(
        "archive",
        "prefixed.zip",
        &[b"#!/bin/sh\n", whole.as_slice()].concat(),
    );
    for (choice, place) in (0_u8..).zip(PLACES) {
        let name = place.trim_matches('/').replace(['/', '.'], "-");
        write_json(choice, &name, &entry(&export, place));
    }
    for (choice, name, content) in QUIRKS {
        write_json(choice, name, content.as_bytes());
    }
}

/// Behind the byte that chooses the file.
fn write_json(choice: u8, name: &str, content: &[u8]) {
    write("manifest_json", name, &[&[choice], content].concat());
}

fn write(target: &str, name: &str, content: &[u8]) {
    fs::create_dir_all(folder(target)).unwrap();
    fs::write(folder(target).join(name), content).unwrap();
}

/// A little of everything.
fn description() -> Description {
    let ended = EntitlementDescription {
        ends_at: Some(datetime!(2020-01-01 0:00 UTC)),
        ..EntitlementDescription::default()
    };
    let bare = EntitlementDescription {
        certificate: false,
        ..EntitlementDescription::default()
    };
    let cdn = CdnDescription {
        label: "edge".to_owned(),
        name: None,
        url: "https://edge.example.com".to_owned(),
    };
    Description {
        cdn_label: Some("edge".to_owned()),
        cdns: vec![cdn],
        entitlements: vec![ended, bare],
        entitlement_data_bytes: 300,
        ..Description::default()
    }
}

fn upload(what: &Description, signer: (&Authority, &ManifestSigner)) -> Vec<u8> {
    let mut out = Vec::new();
    let to = (&mut out, Cursor::new(Vec::new()));
    write_manifest(what, signer, &[], NOW, to).unwrap();
    out
}

/// The content of the first entry whose name starts so.
fn entry(archive: &[u8], name: &str) -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(archive)).unwrap();
    let names =
        (0..archive.len()).map(|at| archive.by_index(at).unwrap().name().unwrap().into_owned());
    let names: Vec<String> = names.collect();
    let found = names.iter().position(|found| found.starts_with(name));
    let mut content = Vec::new();
    let mut entry = archive.by_index(found.unwrap()).unwrap();
    entry.read_to_end(&mut content).unwrap();
    content
}
