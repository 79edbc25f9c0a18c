//! What every test needs: authorities that are made once, a fixed clock, and the way of a manifest
//! from bytes to content.

use std::{fmt::Display, io::Cursor, sync::LazyLock};

use openssl::{pkey::PKey, sign::Signer};
use portolan_domain::{
    archive::{ArchiveError, ArchivePart, OpenError, SignedArchive},
    build::{Authority, KeyKind, Validity},
    cdn_url::HttpCdn,
    conflict::Forced,
    ids::OwnerKey,
    import::Warning,
    limits::Limits,
    manifest::{ContentError, Entitlement, Item, ManifestHeader, ParseError},
    trust::{
        Anchor, AnchorSettings, AnchorSource, Certificate, ForcedSignature, Refusal,
        SignatureAlgorithm, TrustAnchors, Verification, VerifiedArchive, VerifiedBy, VerifyError,
    },
};
use serde_json::json;
use time::{OffsetDateTime, macros::datetime};

use crate::zips::{Entry, zip};

/// The clock of all tests.
pub const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

/// Valid now, and long before and after.
pub const VALID: Validity = Validity {
    from: datetime!(2020-01-01 0:00 UTC),
    until: datetime!(2046-01-01 0:00 UTC),
};
/// Ended before now.
pub const ENDED: Validity = Validity {
    from: datetime!(2015-01-01 0:00 UTC),
    until: datetime!(2023-05-05 0:00 UTC),
};
/// Begins after now.
pub const FUTURE: Validity = Validity {
    from: datetime!(2027-01-01 0:00 UTC),
    until: datetime!(2046-01-01 0:00 UTC),
};

/// The CA that signs most manifests here.
pub static UPSTREAM: LazyLock<Authority> = LazyLock::new(|| ca("Upstream CA", KeyKind::Rsa(2048)));
/// A CA that has nothing to do with it.
pub static OTHER: LazyLock<Authority> = LazyLock::new(|| ca("Other CA", KeyKind::Rsa(2048)));
/// A CA with an Ed25519 key: quick to make things with.
pub static ED25519: LazyLock<Authority> = LazyLock::new(|| ca("Ed25519 CA", KeyKind::Ed25519));

/// A spool in memory.
pub type Spool = Cursor<Vec<u8>>;

/// A self-signed CA that is valid now.
pub fn ca(name: &str, kind: KeyKind) -> Authority {
    Authority::self_signed(name, kind, VALID).unwrap()
}

pub fn owner() -> OwnerKey {
    "acme".parse().unwrap()
}

pub fn anchor(filename: &str, authority: &Authority) -> Anchor {
    anchor_with(filename, authority, &AnchorSettings::default())
}

pub fn anchor_with(filename: &str, authority: &Authority, settings: &AnchorSettings) -> Anchor {
    let pem = authority.certificate_pem().unwrap();
    let name = filename.parse().unwrap();
    Anchor::from_file(&name, AnchorSource::Directory, pem.as_bytes(), settings)
        .unwrap()
        .remove(0)
}

pub fn trust<const N: usize>(anchors: [Anchor; N]) -> TrustAnchors {
    TrustAnchors::new(anchors.into())
}

pub fn certificate(authority: &Authority) -> Certificate {
    Certificate::from_pem(authority.certificate_pem().unwrap().as_bytes()).unwrap()
}

/// A signature of `authority` over these bytes.
pub fn sign(authority: &Authority, algorithm: SignatureAlgorithm, message: &[u8]) -> Vec<u8> {
    let key = authority.key_pem().unwrap();
    let key = PKey::private_key_from_pem(key.expose().as_bytes()).unwrap();
    let signer = match algorithm.digest() {
        Some(digest) => Signer::new(digest, &key),
        None => Signer::new_without_digest(&key),
    };
    signer.unwrap().sign_oneshot_to_vec(message).unwrap()
}

/// The outer archive around an inner one.
pub fn outer(export: &[u8], signature: &[u8]) -> Vec<u8> {
    zip(&[
        Entry::stored("consumer_export.zip", export),
        Entry::stored("signature", signature),
    ])
}

/// An upload whose signature nobody looks at.
pub fn unsigned(export: &[u8]) -> Vec<u8> {
    outer(export, b"no signature")
}

/// An upload without `scheme.json`, signed with `SHA256withRSA`.
pub fn legacy(authority: &Authority, export: &[u8]) -> Vec<u8> {
    let signature = sign(authority, SignatureAlgorithm::Sha256WithRsa, export);
    outer(export, &signature)
}

/// The files that every manifest has.
pub fn base() -> Vec<Entry> {
    let meta = json!({"version": "4.4.6", "created": "2026-11-01T10:00:00.000+0000"});
    let consumer = json!({"uuid": "consumer-1", "name": "distributor"});
    let system = json!({"id": "1", "label": "system", "manifest": false});
    vec![
        Entry::stored("export/meta.json", meta.to_string()),
        Entry::stored("export/consumer.json", consumer.to_string()),
        Entry::stored("export/consumer_types/system.json", system.to_string()),
    ]
}

/// A whole inner archive with one more entry.
pub fn export_with(entry: Entry) -> Vec<u8> {
    let mut entries = base();
    entries.push(entry);
    zip(&entries)
}

/// A whole inner archive.
pub fn export() -> Vec<u8> {
    zip(&base())
}

pub fn open(upload: &[u8]) -> Result<SignedArchive<Spool>, OpenError> {
    open_within(upload, &Limits::default())
}

pub fn open_within(upload: &[u8], limits: &Limits) -> Result<SignedArchive<Spool>, OpenError> {
    SignedArchive::open(Cursor::new(upload), Cursor::default(), limits)
}

/// The error of what must not be taken.
#[track_caller]
pub fn error_of<T, E>(result: Result<T, E>) -> E {
    match result {
        Ok(_) => panic!("it was accepted"),
        Err(error) => error,
    }
}

/// The refusal of an upload.
#[track_caller]
pub fn refused(upload: &[u8]) -> ArchiveError {
    archive_error(open(upload))
}

/// The refusal of an upload whose inner archive is this.
#[track_caller]
pub fn refused_inside(export: &[u8]) -> ArchiveError {
    let error = refused(&unsigned(export));
    assert_eq!(error.part, ArchivePart::Inner, "{error}");
    error
}

#[track_caller]
pub fn archive_error<T>(result: Result<T, OpenError>) -> ArchiveError {
    match error_of(result) {
        OpenError::Refused(error) => error,
        OpenError::Disk(error) => panic!("our own disk was blamed: {error}"),
    }
}

/// Opens and verifies for [`owner`] at [`NOW`]; nothing is forced.
pub fn verify(
    upload: &[u8],
    anchors: &TrustAnchors,
) -> Result<VerifiedArchive<Spool>, VerifyError> {
    let never = (ForcedSignature::Refused, &Forced::default());
    open(upload).unwrap().verify(anchors, &owner(), NOW, never)
}

/// Who verified it.
#[track_caller]
pub fn verified_by(upload: &[u8], anchors: &TrustAnchors) -> VerifiedBy {
    let archive = match verify(upload, anchors) {
        Ok(archive) => archive,
        Err(error) => panic!("it was refused: {error}"),
    };
    match archive.verification() {
        Verification::Verified(by) => by.clone(),
        Verification::Forced(_) => panic!("it was forced"),
    }
}

/// Why nobody verified it.
#[track_caller]
pub fn refusal(upload: &[u8], anchors: &TrustAnchors) -> Refusal {
    match error_of(verify(upload, anchors)) {
        VerifyError::Refused(refusal) => refusal,
        VerifyError::Open(error) => panic!("it could not be read: {error}"),
    }
}

/// Asserts that a text says this; the whole text is shown where it does not.
#[track_caller]
pub fn says(text: impl Display, wanted: &str) {
    let text = text.to_string();
    assert!(text.contains(wanted), "{wanted:?} is not in: {text}");
}

/// The smallest entitlement.
pub const ENTITLEMENT: &str = r#"{"id":"e1","pool":{"id":"p1"}}"#;

/// All that a manifest says.
#[derive(Debug, PartialEq)]
pub struct Content {
    pub header: ManifestHeader,
    pub entitlements: Vec<(Entitlement, Vec<Warning>)>,
    pub kept: Vec<(String, Vec<u8>)>,
}

/// Opens an upload that nobody verifies, forces it, and reads all of it.
pub fn content(upload: &[u8]) -> Result<Content, ParseError> {
    content_within(upload, &Limits::default())
}

pub fn content_within(upload: &[u8], limits: &Limits) -> Result<Content, ParseError> {
    let archive = open_within(upload, limits)?;
    let forced = Forced::parse(["SIGNATURE_CONFLICT", "UNTRUSTED_SIGNING_CERTIFICATE"]).unwrap();
    let verified = archive.verify(
        &TrustAnchors::default(),
        &owner(),
        NOW,
        (ForcedSignature::Allowed, &forced),
    );
    match verified {
        Ok(verified) => read(verified),
        Err(error) => panic!("it was not forced: {error}"),
    }
}

/// Reads all of a verified archive at [`NOW`].
pub fn read(verified: VerifiedArchive<Spool>) -> Result<Content, ParseError> {
    let mut manifest = verified.parse(HttpCdn::Refused)?;
    let (mut entitlements, mut kept) = (Vec::new(), Vec::new());
    manifest.items::<ParseError>(NOW, |item| {
        match item {
            Item::Entitlement(entitlement, warnings) => entitlements.push((*entitlement, warnings)),
            Item::Kept { path, bytes } => kept.push((path, bytes)),
        }
        Ok(())
    })?;
    Ok(Content {
        header: manifest.header,
        entitlements,
        kept,
    })
}

/// The fault in the content of an upload.
#[track_caller]
pub fn content_error(upload: &[u8]) -> ContentError {
    match error_of(content(upload)) {
        ParseError::Content(error) => error,
        ParseError::Open(error) => panic!("the archive was refused: {error}"),
    }
}

/// A `scheme.json` that says this, true or not.
pub fn scheme_json(certificate: &Authority, algorithm: &str, key: &str) -> String {
    let der = self::certificate(certificate).to_der().unwrap();
    let certificate = openssl::base64::encode_block(&der);
    json!({"name": "test", "certificate": certificate,
           "signature_algorithm": algorithm, "key_algorithm": key})
    .to_string()
}

/// An inner archive with a `scheme.json` that says this.
pub fn scheme_export(certificate: &Authority, algorithm: &str, key: &str) -> Vec<u8> {
    let scheme = scheme_json(certificate, algorithm, key);
    export_with(Entry::deflated("export/scheme.json", scheme))
}

/// An upload that `signer` signed with `algorithm`, and that names `certificate` in `scheme.json`.
pub fn schemed(
    signer: &Authority,
    algorithm: SignatureAlgorithm,
    certificate: &Authority,
) -> Vec<u8> {
    let export = scheme_export(certificate, algorithm.name(), algorithm.key_name());
    let signature = sign(signer, algorithm, &export);
    outer(&export, &signature)
}
