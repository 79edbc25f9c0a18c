//! Who may stand behind a signing certificate: an anchor itself, or a CA that an anchor issued.
//! Never a leaf: leaf keys travel inside every manifest.

#![expect(
    clippy::option_option,
    reason = "what the builder takes: no CA, a CA, a CA with a path length"
)]

use std::sync::LazyLock;

use openssl::x509::extension::KeyUsage;
use portolan_domain::{
    build::{Authority, KeyKind, Validity},
    conflict::Conflict,
    trust::{Refusal, SignatureAlgorithm::Ed25519, TrustAnchors},
};

use crate::support::{
    ED25519, ENDED, FUTURE, OTHER, VALID, anchor, ca, certificate, refusal, says, schemed, trust,
    verified_by,
};

/// What a signing CA has: CA:TRUE and both usages.
static SIGNING: LazyLock<Authority> = LazyLock::new(|| issued(&ED25519, VALID, Some(None), both()));

fn usage(change: impl Fn(&mut KeyUsage) -> &mut KeyUsage) -> KeyUsage {
    let mut usage = KeyUsage::new();
    change(&mut usage);
    usage
}

fn both() -> KeyUsage {
    usage(|usage| usage.digital_signature().key_cert_sign())
}

fn issued(
    issuer: &Authority,
    validity: Validity,
    ca: Option<Option<u32>>,
    usage: KeyUsage,
) -> Authority {
    issuer
        .issue("Signing CA", KeyKind::Ed25519, validity, ca, usage)
        .unwrap()
}

/// A root with these extensions, and a signing CA that it issued.
fn under(ca: Option<Option<u32>>, usage: KeyUsage) -> (Authority, Authority) {
    let root = ED25519.renewed(VALID, ca, usage).unwrap();
    let signing = issued(&root, VALID, Some(None), both());
    (root, signing)
}

/// The refusal of what `signer` signed and names in its scheme.
#[track_caller]
fn untrusted(signer: &Authority, anchors: &TrustAnchors) -> Refusal {
    let refusal = refusal(&schemed(signer, Ed25519, signer), anchors);
    assert_eq!(
        refusal.conflict,
        Conflict::UntrustedSigningCertificate,
        "{refusal}"
    );
    refusal
}

fn root() -> TrustAnchors {
    trust([anchor("root.pem", &ED25519)])
}

#[test]
fn a_ca_that_an_anchor_issued_signs_and_the_anchor_is_recorded() {
    let by = verified_by(&schemed(&SIGNING, Ed25519, &SIGNING), &root());
    assert_eq!(by.filename.as_str(), "root.pem");
    assert_eq!(by.sha256, certificate(&ED25519).sha256());
    assert_eq!(by.spki_sha256, certificate(&ED25519).spki_sha256());
    assert_eq!(by.pem, ED25519.certificate_pem().unwrap());
    assert_eq!(by.algorithm, Ed25519);
}

#[test]
fn a_certificate_of_nobody_is_untrusted() {
    let stranger = ca("Stranger", KeyKind::Ed25519);
    let anchors = trust([anchor("a.pem", &OTHER), anchor("b.pem", &ED25519)]);
    let refusal = untrusted(&stranger, &anchors);
    says(
        &refusal,
        "The signing certificate (CN=Stranger) is not trusted here",
    );
    let tried: Vec<_> = refusal.tried.iter().map(|t| t.filename.as_str()).collect();
    assert_eq!(tried, ["a.pem", "b.pem"]);
    says(&refusal.tried[1].reason, "nor did it issue it");
    says(
        untrusted(&stranger, &trust([])),
        "No upstream CA is installed",
    );
}

#[test]
fn a_leaf_never_signs() {
    for leaf_usage in [both(), usage(KeyUsage::digital_signature)] {
        let leaf = issued(&ED25519, VALID, None, leaf_usage);
        says(
            &untrusted(&leaf, &root()).tried[0].reason,
            "as a leaf (no CA:TRUE)",
        );
    }
}

#[test]
fn a_chain_of_two_is_too_long() {
    let second = issued(&SIGNING, VALID, Some(None), both());
    says(
        &untrusted(&second, &root()).tried[0].reason,
        "nor did it issue it",
    );
}

#[test]
fn an_issuer_must_be_a_ca_that_may_issue_one() {
    let certs = || usage(|usage| usage.digital_signature().crl_sign());
    for (constraints, usage) in [
        (None, both()),
        (Some(None), certs()),
        (Some(Some(0)), both()),
    ] {
        let (root, signing) = under(constraints, usage);
        let refusal = untrusted(&signing, &trust([anchor("root.pem", &root)]));
        says(
            &refusal.tried[0].reason,
            "it is no CA that may issue another CA",
        );
    }
}

#[test]
fn an_issuer_with_room_below_it_may_issue() {
    for length in [1, 2, 255] {
        let (root, signing) = under(Some(Some(length)), both());
        let by = verified_by(
            &schemed(&signing, Ed25519, &signing),
            &trust([anchor("root.pem", &root)]),
        );
        assert_eq!(by.sha256, certificate(&root).sha256());
    }
}

#[test]
fn an_issuer_needs_no_digital_signature_itself() {
    let (root, signing) = under(Some(None), usage(KeyUsage::key_cert_sign));
    verified_by(
        &schemed(&signing, Ed25519, &signing),
        &trust([anchor("root.pem", &root)]),
    );
}

#[test]
fn a_signing_ca_needs_digital_signature() {
    let signing = issued(&ED25519, VALID, Some(None), usage(KeyUsage::key_cert_sign));
    says(
        &untrusted(&signing, &root()).tried[0].reason,
        "whose key usage lacks digitalSignature",
    );
    // The same of an anchor that signs itself.
    let anchor_only = ED25519
        .renewed(VALID, Some(None), usage(KeyUsage::key_cert_sign))
        .unwrap();
    let refusal = untrusted(&anchor_only, &trust([anchor("root.pem", &anchor_only)]));
    says(
        &refusal.tried[0].reason,
        "its key usage lacks digitalSignature",
    );
}

#[test]
fn a_signing_certificate_must_be_valid_now() {
    for (validity, why) in [
        (ENDED, "it ended on 2023-05-05"),
        (FUTURE, "not valid before 2027-01-01"),
    ] {
        let signing = issued(&ED25519, validity, Some(None), both());
        let refusal = untrusted(&signing, &root());
        says(
            &refusal.tried[0].reason,
            "it issued the signing certificate, but",
        );
        says(&refusal.tried[0].reason, why);
    }
}

#[test]
fn the_anchor_must_be_valid_now() {
    for (validity, why) in [
        (ENDED, "it ended on 2023-05-05"),
        (FUTURE, "not valid before 2027-01-01"),
    ] {
        let lapsed = ED25519.renewed(validity, Some(None), both()).unwrap();
        let anchors = trust([anchor("root.pem", &lapsed)]);
        says(&untrusted(&SIGNING, &anchors).tried[0].reason, why);
        // Signed by itself, with a certificate of its own that would be valid.
        says(&untrusted(&ED25519, &anchors).tried[0].reason, why);
    }
}

#[test]
fn a_name_alone_makes_no_issuer() {
    let impostor = ca("Ed25519 CA", KeyKind::Ed25519);
    let signing = issued(&impostor, VALID, Some(None), both());
    says(
        &untrusted(&signing, &root()).tried[0].reason,
        "nor did it issue it",
    );
    // And no anchor: the same subject with another key.
    says(
        &untrusted(&impostor, &root()).tried[0].reason,
        "not the signing certificate",
    );
}

#[test]
fn a_signature_alone_makes_no_issuer() {
    // The anchor's key signed it, under the name of somebody else.
    let renamed = ca("Another name", KeyKind::Ed25519)
        .certificate_pem()
        .unwrap();
    let renamed = Authority::from_pem(&renamed, &ED25519.key_pem().unwrap()).unwrap();
    let signing = issued(&renamed, VALID, Some(None), both());
    says(
        &untrusted(&signing, &root()).tried[0].reason,
        "nor did it issue it",
    );
}

#[test]
fn the_anchors_own_certificate_is_used_where_subject_and_key_are_its() {
    // In the file the certificate has ended and may sign nothing; the anchor's own is right.
    let unfit = ED25519
        .renewed(ENDED, None, usage(KeyUsage::crl_sign))
        .unwrap();
    let by = verified_by(&schemed(&ED25519, Ed25519, &unfit), &root());
    assert_eq!(by.sha256, certificate(&ED25519).sha256());
    // The other way round, the file's certificate cannot lend the anchor what it lacks.
    let anchors = trust([anchor("root.pem", &unfit)]);
    untrusted(&ED25519, &anchors);
}

#[test]
fn an_anchor_cannot_fall_back_on_its_issuer() {
    // The signing CA is an anchor itself, and has ended as one. That its issuer is an anchor too
    // lifts nothing, in whatever order the files stand: the anchor's own certificate is what counts.
    let usage = usage(|usage| usage.digital_signature().key_cert_sign());
    let lapsed = SIGNING.renewed(ENDED, Some(None), usage).unwrap();
    for names in [
        ["a-root.pem", "b-signing.pem"],
        ["b-root.pem", "a-signing.pem"],
    ] {
        let anchors = trust([anchor(names[0], &ED25519), anchor(names[1], &lapsed)]);
        let refusal = untrusted(&SIGNING, &anchors);
        let own = refusal
            .tried
            .iter()
            .find(|tried| tried.filename == names[1])
            .unwrap();
        says(&own.reason, "it ended on 2023-05-05");
    }
}

#[test]
fn the_first_issuer_by_file_name_is_recorded() {
    let again = ED25519.renewed(VALID, Some(None), both()).unwrap();
    let anchors = trust([anchor("b.pem", &ED25519), anchor("a.pem", &again)]);
    let by = verified_by(&schemed(&SIGNING, Ed25519, &SIGNING), &anchors);
    assert_eq!(by.filename.as_str(), "a.pem");
    assert_eq!(by.sha256, certificate(&again).sha256());
}
