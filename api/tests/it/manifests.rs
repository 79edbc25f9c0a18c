//! Manifests made in code, signed by CAs made in code.

use std::{
    io::{Cursor, Read},
    sync::LazyLock,
};

use portolan_domain::build::{
    Authority, Description, EntitlementDescription, KeyKind, ManifestSigner, Validity,
    write_manifest,
};
use portolan_domain::trust::SignatureAlgorithm;
use time::{Duration, OffsetDateTime};

use super::support::now;

/// An entitlement id for a number.
pub fn id(number: u32) -> String {
    format!("8a85f98444de1da50144e6d3a7be{number:04}")
}

pub fn validity() -> Validity {
    Validity {
        from: now() - Duration::days(365),
        until: now() + Duration::days(365),
    }
}

/// The CA that tests trust. Its key is made once: RSA keys are slow.
pub static CA: LazyLock<Authority> =
    LazyLock::new(|| Authority::self_signed("Test CA", KeyKind::Rsa(2048), validity()).unwrap());

/// A CA that nobody trusts.
pub static STRANGER: LazyLock<Authority> =
    LazyLock::new(|| Authority::self_signed("Stranger", KeyKind::Rsa(2048), validity()).unwrap());

/// A description with these entitlements, made at `created`.
pub fn described(seed: &str, created: OffsetDateTime, ids: &[String]) -> Description {
    let entitlement = |id: &String| EntitlementDescription {
        id: Some(id.clone()),
        pool_id: Some(format!("pool-{id}")),
        ..EntitlementDescription::default()
    };
    Description {
        seed: seed.to_owned(),
        created: Some(created),
        entitlements: ids.iter().map(entitlement).collect(),
        ..Description::default()
    }
}

/// Signs a description with a CA.
pub fn signed_by(ca: &Authority, description: &Description) -> Vec<u8> {
    with_files(ca, description, &[])
}

/// Signs a description and more files.
pub fn with_files(ca: &Authority, description: &Description, files: &[(&str, &str)]) -> Vec<u8> {
    let extra: Vec<_> = files
        .iter()
        .map(|(p, c)| ((*p).to_owned(), c.as_bytes().to_vec()))
        .collect();
    let mut out = Vec::new();
    let spool = Cursor::new(Vec::new());
    let signer = ManifestSigner::legacy(ca);
    write_manifest(description, (ca, &signer), &extra, now(), (&mut out, spool)).unwrap();
    out
}

/// Signs a description with a CA that `scheme.json` names.
pub fn with_scheme(ca: &Authority, description: &Description) -> Vec<u8> {
    let mut out = Vec::new();
    let spool = Cursor::new(Vec::new());
    let signer = ManifestSigner::with_scheme(ca, SignatureAlgorithm::Sha256WithRsa).unwrap();
    write_manifest(description, (ca, &signer), &[], now(), (&mut out, spool)).unwrap();
    out
}

/// The files of an archive.
pub fn unpack(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    let mut files = Vec::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let (name, mut bytes) = (file.name().unwrap().into_owned(), Vec::new());
        file.read_to_end(&mut bytes).unwrap();
        files.push((name, bytes));
    }
    files
}

/// A manifest that is trusted: `seed` names the consumer, `count` its entitlements.
pub fn manifest(seed: &str, count: u32) -> Vec<u8> {
    let ids: Vec<String> = (0..count).map(|n| format!("{seed}-{n}")).collect();
    signed_by(&CA, &described(seed, now() - Duration::hours(1), &ids))
}
