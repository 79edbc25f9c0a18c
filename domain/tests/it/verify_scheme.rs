//! Archives with `scheme.json`: each algorithm, and an algorithm that must fit the trusted key.

use portolan_domain::{
    archive::ArchiveFault,
    build::{Authority, Description, KeyKind, ManifestSigner, SchemeFile, write_manifest},
    conflict::Conflict,
    trust::{Refusal, SignatureAlgorithm as A},
};
use std::{io::Cursor, sync::LazyLock};

use crate::{
    support::{
        ED25519, NOW, OTHER, UPSTREAM, anchor, ca, certificate, export_with, outer, refusal,
        refused, says, scheme_export, scheme_json, schemed, sign, trust, unsigned, verified_by,
    },
    zips::Entry,
};

static P256: LazyLock<Authority> = LazyLock::new(|| ca("P-256 CA", KeyKind::P256));
static MLDSA65: LazyLock<Authority> = LazyLock::new(|| ca("ML-DSA CA", KeyKind::MlDsa65));

/// The refusal of an upload that [`UPSTREAM`] and its like are installed for.
#[track_caller]
fn conflict(upload: &[u8], signer: &Authority) -> Refusal {
    let refusal = refusal(upload, &trust([anchor("ca.pem", signer)]));
    assert_eq!(refusal.conflict, Conflict::SignatureConflict, "{refusal}");
    // The anchor was found and is named: nobody should be told that none is installed.
    assert_eq!(refusal.tried.len(), 1, "{refusal}");
    assert_eq!(refusal.tried[0].filename, "ca.pem");
    refusal
}

#[test]
fn every_algorithm_is_accepted_and_recorded_by_its_canonical_name() {
    let mldsa44 = ca("ML-DSA-44 CA", KeyKind::MlDsa44);
    let mldsa87 = ca("ML-DSA-87 CA", KeyKind::MlDsa87);
    let cases: [(&Authority, A, &str); 10] = [
        (&UPSTREAM, A::Sha256WithRsa, "SHA256withRSA"),
        (&UPSTREAM, A::Sha384WithRsa, "SHA384withRSA"),
        (&UPSTREAM, A::Sha512WithRsa, "SHA512withRSA"),
        (&P256, A::Sha256WithEcdsa, "SHA256withECDSA"),
        (&P256, A::Sha384WithEcdsa, "SHA384withECDSA"),
        (&P256, A::Sha512WithEcdsa, "SHA512withECDSA"),
        (&ED25519, A::Ed25519, "Ed25519"),
        (&mldsa44, A::MlDsa44, "ML-DSA-44"),
        (&MLDSA65, A::MlDsa65, "ML-DSA-65"),
        (&mldsa87, A::MlDsa87, "ML-DSA-87"),
    ];
    for (signer, algorithm, name) in cases {
        let upload = schemed(signer, algorithm, signer);
        let by = verified_by(
            &upload,
            &trust([anchor("other.pem", &OTHER), anchor("ca.pem", signer)]),
        );
        assert_eq!(by.algorithm.name(), name);
        assert_eq!(by.filename.as_str(), "ca.pem");
    }
}

#[test]
fn a_manifest_of_our_own_writer_verifies() {
    let signer = ManifestSigner::with_scheme(&MLDSA65, A::MlDsa65).unwrap();
    let mut upload = Vec::new();
    let to = (&mut upload, Cursor::new(Vec::new()));
    let description = Description {
        generate: 2,
        ..Description::default()
    };
    write_manifest(&description, (&UPSTREAM, &signer), &[], NOW, to).unwrap();
    let by = verified_by(&upload, &trust([anchor("pq.pem", &MLDSA65)]));
    assert_eq!(by.algorithm, A::MlDsa65);
}

/// An upload whose scheme names these, signed with `algorithm` all the same.
fn named(signer: &Authority, algorithm: A, name: &str, key: &str) -> Vec<u8> {
    let export = scheme_export(signer, name, key);
    let signature = sign(signer, algorithm, &export);
    outer(&export, &signature)
}

#[test]
fn algorithm_names_are_read_without_case() {
    for (name, key) in [
        ("SHA256WithRSA", "rsa"),
        ("sha256withrsa", "RSA"),
        ("SHA256WITHRSA", "Rsa"),
    ] {
        let upload = named(&UPSTREAM, A::Sha256WithRsa, name, key);
        let by = verified_by(&upload, &trust([anchor("ca.pem", &UPSTREAM)]));
        assert_eq!(by.algorithm.name(), "SHA256withRSA");
    }
    for (name, key) in [("ml-dsa-65", "ml-dsa"), ("ML-DSA-65", "ML-DSA-65")] {
        let upload = named(&MLDSA65, A::MlDsa65, name, key);
        verified_by(&upload, &trust([anchor("ca.pem", &MLDSA65)]));
    }
}

#[test]
fn a_scheme_without_a_key_algorithm_is_accepted() {
    let scheme = scheme_json(&ED25519, "Ed25519", "").replace(r#","key_algorithm":"""#, "");
    let scheme = scheme.replace(r#""key_algorithm":"","#, "");
    assert!(!scheme.contains("key_algorithm"), "{scheme}");
    let export = export_with(Entry::stored("export/scheme.json", scheme));
    let upload = outer(&export, &sign(&ED25519, A::Ed25519, &export));
    verified_by(&upload, &trust([anchor("ca.pem", &ED25519)]));
}

#[test]
fn an_unknown_algorithm_is_a_signature_conflict() {
    for name in [
        "SHA1withRSA",
        "MD5withRSA",
        "none",
        "",
        "SHA256withRSA ",
        "ML-DSA",
    ] {
        let upload = named(&UPSTREAM, A::Sha256WithRsa, name, "RSA");
        says(conflict(&upload, &UPSTREAM), "unknown signature_algorithm");
    }
}

#[test]
fn an_algorithm_that_does_not_fit_the_key_is_a_signature_conflict() {
    for (name, key) in [
        ("SHA256withECDSA", "EC"),
        ("Ed25519", "Ed25519"),
        ("ML-DSA-65", "ML-DSA"),
    ] {
        let upload = named(&UPSTREAM, A::Sha256WithRsa, name, key);
        says(conflict(&upload, &UPSTREAM), "not one for");
    }
    let upload = named(&MLDSA65, A::MlDsa65, "ML-DSA-87", "ML-DSA-87");
    says(conflict(&upload, &MLDSA65), "not one for ML-DSA-87");
}

#[test]
fn a_key_algorithm_that_lies_is_a_signature_conflict() {
    for key in ["EC", "ML-DSA-65", "DSA", ""] {
        let upload = named(&UPSTREAM, A::Sha256WithRsa, "SHA256withRSA", key);
        says(conflict(&upload, &UPSTREAM), "names a key_algorithm");
    }
}

#[test]
fn another_algorithm_of_the_same_key_does_not_verify() {
    let upload = named(&UPSTREAM, A::Sha256WithRsa, "SHA512withRSA", "RSA");
    says(conflict(&upload, &UPSTREAM), "does not verify");
}

#[test]
fn a_wrong_signature_is_a_signature_conflict() {
    // The anchor's certificate is named, but somebody else signed.
    let upload = schemed(&OTHER, A::Sha256WithRsa, &UPSTREAM);
    let refusal = conflict(&upload, &UPSTREAM);
    says(&refusal, "does not verify");
    says(
        &refusal.tried[0].reason,
        "the SHA256withRSA signature is not by the key",
    );
    for (signer, algorithm) in [
        (&*ED25519, A::Ed25519),
        (&*MLDSA65, A::MlDsa65),
        (&*P256, A::Sha256WithEcdsa),
    ] {
        let export = scheme_export(signer, algorithm.name(), algorithm.key_name());
        conflict(&outer(&export, b"x"), signer);
        conflict(
            &outer(&export, &sign(signer, algorithm, b"another message")),
            signer,
        );
    }
}

#[test]
fn a_short_key_is_refused_though_an_anchor() {
    let short = ca("Short CA", KeyKind::Rsa(1024));
    let refusal = conflict(&schemed(&short, A::Sha256WithRsa, &short), &short);
    says(&refusal, "1024 bits; 2048 to 8192 are allowed");
}

#[test]
fn an_archive_with_a_scheme_is_not_tried_as_legacy() {
    // Signed by an anchor in the legacy way, but the scheme names a certificate of nobody.
    let upload = schemed(&UPSTREAM, A::Sha256WithRsa, &OTHER);
    let refusal = refusal(&upload, &trust([anchor("ca.pem", &UPSTREAM)]));
    assert_eq!(refusal.conflict, Conflict::UntrustedSigningCertificate);
}

#[test]
fn a_lying_scheme_of_our_own_writer_is_seen() {
    let scheme = SchemeFile {
        certificate_pem: UPSTREAM.certificate_pem().unwrap(),
        signature_algorithm: "SHA256withRSA".into(),
        key_algorithm: "RSA".into(),
    };
    let signer = ManifestSigner::claiming(&OTHER, A::Sha256WithRsa, scheme);
    let mut upload = Vec::new();
    let to = (&mut upload, Cursor::new(Vec::new()));
    write_manifest(&Description::default(), (&OTHER, &signer), &[], NOW, to).unwrap();
    says(conflict(&upload, &UPSTREAM), "does not verify");
}

#[test]
fn a_scheme_that_cannot_be_read_is_a_broken_archive() {
    let good = scheme_json(&ED25519, "Ed25519", "Ed25519");
    let twice = good.replacen('{', r#"{"name":"x","#, 1);
    let cut = |field: &str| good.replace(field, "other");
    let mut longer = certificate(&ED25519).to_der().unwrap();
    longer.extend(b"more");
    let longer = openssl::base64::encode_block(&longer);
    let longer = format!(r#"{{"certificate":"{longer}","signature_algorithm":"x"}}"#);
    for (scheme, why) in [
        ("", "EOF"),
        ("[]", "it is no object"),
        ("null", "it is no object"),
        (&twice, "key name twice"),
        (&longer, "no certificate"),
        (
            &cut("\"certificate\"").replace("other", "\"other\""),
            "missing field `certificate`",
        ),
        (
            &cut("signature_algorithm"),
            "missing field `signature_algorithm`",
        ),
        (
            r#"{"certificate":"%%","signature_algorithm":"x"}"#,
            "not base64",
        ),
        (
            r#"{"certificate":"AAAA","signature_algorithm":"x"}"#,
            "no certificate",
        ),
        (
            r#"{"certificate":"","signature_algorithm":"x"}"#,
            "no certificate",
        ),
    ] {
        let error = refused(&unsigned(&export_with(Entry::stored(
            "export/scheme.json",
            scheme,
        ))));
        assert_eq!(error.entry.as_deref(), Some("export/scheme.json"));
        match error.fault {
            ArchiveFault::Scheme(text) => says(text, why),
            other => panic!("{scheme}: refused for another reason: {other}"),
        }
    }
}
