//! What operators set: `requireScheme` and `owners` of an anchor, the strictest of all files with
//! its key; and the switch that lets a signature be forced.

use portolan_domain::{
    conflict::{Conflict, Forced},
    limits::Limits,
    trust::{
        AnchorSettings, ForcedSignature, SignatureAlgorithm::Sha256WithRsa, TrustAnchors,
        Verification, VerifyError,
    },
};

use crate::support::{
    NOW, OTHER, UPSTREAM, VALID, anchor, anchor_with, error_of, export, legacy, open, open_within,
    owner, refusal, says, schemed, trust, verified_by,
};

fn scheme_only() -> AnchorSettings {
    AnchorSettings {
        require_scheme: true,
        ..AnchorSettings::default()
    }
}

fn only_for(owner: &str) -> AnchorSettings {
    let owners = [owner.parse().unwrap()].into();
    AnchorSettings {
        owners: Some(owners),
        ..AnchorSettings::default()
    }
}

/// The upstream CA's key in a second certificate.
fn twin() -> portolan_domain::build::Authority {
    let mut usage = openssl::x509::extension::KeyUsage::new();
    usage.digital_signature();
    UPSTREAM.renewed(VALID, Some(None), usage).unwrap()
}

#[test]
fn an_anchor_that_requires_a_scheme_verifies_no_legacy_archive() {
    let anchors = trust([anchor_with("ca.pem", &UPSTREAM, &scheme_only())]);
    let refusal = refusal(&legacy(&UPSTREAM, &export()), &anchors);
    assert_eq!(refusal.conflict, Conflict::SignatureConflict);
    assert_eq!(
        refusal.tried[0].reason,
        "it did sign this manifest, but it verifies only archives with scheme.json"
    );
    verified_by(&schemed(&UPSTREAM, Sha256WithRsa, &UPSTREAM), &anchors);
}

#[test]
fn a_second_file_with_the_same_key_lifts_no_require_scheme() {
    for names in [["a.pem", "b.pem"], ["b.pem", "a.pem"]] {
        let anchors = trust([
            anchor_with(names[0], &UPSTREAM, &scheme_only()),
            anchor(names[1], &twin()),
        ]);
        let refusal = refusal(&legacy(&UPSTREAM, &export()), &anchors);
        for tried in refusal.tried {
            says(tried.reason, "only archives with scheme.json");
        }
    }
}

#[test]
fn require_scheme_of_one_ca_does_not_bind_another() {
    let anchors = trust([
        anchor_with("a.pem", &OTHER, &scheme_only()),
        anchor("b.pem", &UPSTREAM),
    ]);
    verified_by(&legacy(&UPSTREAM, &export()), &anchors);
}

#[test]
fn an_anchor_for_some_owners_verifies_nothing_for_others() {
    let own = trust([anchor_with("ca.pem", &UPSTREAM, &only_for("acme"))]);
    verified_by(&legacy(&UPSTREAM, &export()), &own);
    verified_by(&schemed(&UPSTREAM, Sha256WithRsa, &UPSTREAM), &own);
    for owners in [
        only_for("globex"),
        AnchorSettings {
            owners: Some([].into()),
            ..AnchorSettings::default()
        },
    ] {
        let others = trust([anchor_with("ca.pem", &UPSTREAM, &owners)]);
        let legacy = refusal(&legacy(&UPSTREAM, &export()), &others);
        assert_eq!(legacy.conflict, Conflict::SignatureConflict);
        says(
            &legacy.tried[0].reason,
            "not set to verify manifests of this owner",
        );
        let schemed = refusal(&schemed(&UPSTREAM, Sha256WithRsa, &UPSTREAM), &others);
        assert_eq!(schemed.conflict, Conflict::UntrustedSigningCertificate);
        says(
            &schemed.tried[0].reason,
            "not set to verify manifests of this owner",
        );
    }
}

#[test]
fn a_second_file_with_the_same_key_lifts_no_restriction_to_owners() {
    let anchors = trust([
        anchor_with("a.pem", &UPSTREAM, &only_for("globex")),
        anchor("b.pem", &twin()),
    ]);
    for upload in [
        legacy(&UPSTREAM, &export()),
        schemed(&UPSTREAM, Sha256WithRsa, &UPSTREAM),
    ] {
        let refusal = refusal(&upload, &anchors);
        assert_eq!(refusal.tried.len(), 2);
        for tried in refusal.tried {
            says(tried.reason, "not set to verify manifests of this owner");
        }
    }
}

#[test]
fn an_issuer_for_some_owners_stands_behind_nothing_for_others() {
    let mut usage = openssl::x509::extension::KeyUsage::new();
    usage.digital_signature();
    let kind = portolan_domain::build::KeyKind::Rsa(2048);
    let signing = UPSTREAM
        .issue("Signing CA", kind, VALID, Some(None), usage)
        .unwrap();
    let upload = schemed(&signing, Sha256WithRsa, &signing);
    verified_by(
        &upload,
        &trust([anchor_with("ca.pem", &UPSTREAM, &only_for("acme"))]),
    );
    let refusal = refusal(
        &upload,
        &trust([anchor_with("ca.pem", &UPSTREAM, &only_for("globex"))]),
    );
    assert_eq!(refusal.conflict, Conflict::UntrustedSigningCertificate);
    says(
        &refusal.tried[0].reason,
        "not set to verify manifests of this owner",
    );
}

#[test]
fn restrictions_of_a_signing_ca_hold_though_its_issuer_has_none() {
    let mut usage = openssl::x509::extension::KeyUsage::new();
    usage.digital_signature();
    let kind = portolan_domain::build::KeyKind::Rsa(2048);
    let signing = UPSTREAM
        .issue("Signing CA", kind, VALID, Some(None), usage)
        .unwrap();
    for names in [
        ["a-root.pem", "b-signing.pem"],
        ["b-root.pem", "a-signing.pem"],
    ] {
        let anchors = trust([
            anchor(names[0], &UPSTREAM),
            anchor_with(names[1], &signing, &only_for("globex")),
        ]);
        let refusal = refusal(&schemed(&signing, Sha256WithRsa, &signing), &anchors);
        assert_eq!(refusal.conflict, Conflict::UntrustedSigningCertificate);
        says(&refusal, "not set to verify manifests of this owner");
    }
}

/// What becomes of an upload that nobody verifies.
fn force(
    upload: &[u8],
    allowed: ForcedSignature,
    words: &[&str],
) -> Result<Verification, VerifyError> {
    let forced = Forced::parse(words.iter().copied()).unwrap();
    let anchors = TrustAnchors::default();
    let verified = open(upload)
        .unwrap()
        .verify(&anchors, &owner(), NOW, (allowed, &forced));
    verified.map(|archive| archive.verification().clone())
}

#[test]
fn a_signature_is_forced_only_where_it_is_allowed_and_named() {
    use ForcedSignature::{Allowed, Refused};
    let legacy = legacy(&UPSTREAM, &export());
    let schemed = schemed(&UPSTREAM, Sha256WithRsa, &UPSTREAM);
    for (upload, own, other) in [
        (
            &legacy,
            "SIGNATURE_CONFLICT",
            "UNTRUSTED_SIGNING_CERTIFICATE",
        ),
        (
            &schemed,
            "UNTRUSTED_SIGNING_CERTIFICATE",
            "SIGNATURE_CONFLICT",
        ),
    ] {
        assert_eq!(
            force(upload, Allowed, &[own]).unwrap(),
            Verification::Forced(own.parse().unwrap())
        );
        for (allowed, words) in [
            (Refused, vec![own]),
            (Allowed, vec![]),
            (Allowed, vec![other]),
            (
                Allowed,
                vec!["true", "MANIFEST_SAME", "DISTRIBUTOR_CONFLICT"],
            ),
        ] {
            match error_of(force(upload, allowed, &words)) {
                VerifyError::Refused(refusal) => assert_eq!(refusal.conflict.as_str(), own),
                VerifyError::Open(error) => panic!("it could not be read: {error}"),
            }
        }
    }
}

#[test]
fn what_verifies_is_recorded_as_verified_though_forced() {
    let forced = Forced::parse(["SIGNATURE_CONFLICT"]).unwrap();
    let anchors = trust([anchor("ca.pem", &UPSTREAM)]);
    let archive = open(&legacy(&UPSTREAM, &export())).unwrap();
    let verified = archive.verify(&anchors, &owner(), NOW, (ForcedSignature::Allowed, &forced));
    let verified = verified.unwrap_or_else(|error| panic!("refused: {error}"));
    assert!(
        matches!(verified.verification(), Verification::Verified(by) if by.filename.as_str() == "ca.pem")
    );
}

#[test]
fn nothing_forces_a_limit() {
    let limits = Limits {
        oneshot_bytes: 10,
        ..Limits::default()
    };
    let forced = Forced::parse(["SIGNATURE_CONFLICT", "UNTRUSTED_SIGNING_CERTIFICATE"]).unwrap();
    let ed25519 = &*crate::support::ED25519;
    let upload = schemed(
        ed25519,
        portolan_domain::trust::SignatureAlgorithm::Ed25519,
        ed25519,
    );
    let archive = open_within(&upload, &limits).unwrap();
    let anchors = trust([anchor("ca.pem", ed25519)]);
    let outcome = archive.verify(&anchors, &owner(), NOW, (ForcedSignature::Allowed, &forced));
    says(error_of(outcome), "oneshot_bytes = 10");
}
