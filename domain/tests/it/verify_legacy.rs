//! Archives without `scheme.json`: `SHA256withRSA` by the first anchor, by file name, that may vouch.

use openssl::x509::extension::KeyUsage;
use portolan_domain::{
    build::{Authority, KeyKind},
    conflict::Conflict,
    trust::{Anchor, AnchorSettings, AnchorSource, SignatureAlgorithm},
};

use crate::support::{
    ED25519, ENDED, FUTURE, OTHER, UPSTREAM, VALID, anchor, ca, certificate, export, legacy, outer,
    refusal, says, sign, trust, verified_by,
};

/// The upstream CA's key in another certificate.
fn renewed(validity: portolan_domain::build::Validity) -> Authority {
    let usage = usage(|usage| usage.digital_signature().key_cert_sign());
    UPSTREAM.renewed(validity, Some(None), usage).unwrap()
}

fn usage(change: impl Fn(&mut KeyUsage) -> &mut KeyUsage) -> KeyUsage {
    let mut usage = KeyUsage::new();
    change(&mut usage);
    usage
}

#[test]
fn the_anchor_that_signed_is_recorded() {
    let anchors = trust([
        anchor("a-other.pem", &OTHER),
        anchor("b-upstream.crt", &UPSTREAM),
    ]);
    let by = verified_by(&legacy(&UPSTREAM, &export()), &anchors);
    let own = certificate(&UPSTREAM);
    assert_eq!(by.filename.as_str(), "b-upstream.crt");
    assert_eq!(by.algorithm, SignatureAlgorithm::Sha256WithRsa);
    assert_eq!(by.sha256, own.sha256());
    assert_eq!(by.spki_sha256, own.spki_sha256());
    assert_eq!(by.pem, UPSTREAM.certificate_pem().unwrap());
}

#[test]
fn the_first_by_file_name_is_recorded() {
    let twin = renewed(VALID);
    for (names, first) in [
        (["b.pem", "a.pem", "c.pem"], "a.pem"),
        (["B.pem", "a.pem", "c.pem"], "B.pem"),
        (["10.pem", "9.pem", "1.pem"], "1.pem"),
    ] {
        let anchors = trust([
            anchor(names[0], &UPSTREAM),
            anchor(names[1], &twin),
            anchor(names[2], &UPSTREAM),
        ]);
        let by = verified_by(&legacy(&UPSTREAM, &export()), &anchors);
        assert_eq!(by.filename.as_str(), first);
    }
}

#[test]
fn several_certificates_in_one_file_are_several_anchors() {
    let both = [&*OTHER, &*UPSTREAM]
        .map(|ca| ca.certificate_pem().unwrap())
        .concat();
    let name = "bundle.pem".parse().unwrap();
    let found = Anchor::from_file(
        &name,
        AnchorSource::Directory,
        both.as_bytes(),
        &AnchorSettings::default(),
    );
    let anchors = portolan_domain::trust::TrustAnchors::new(found.unwrap());
    let by = verified_by(&legacy(&UPSTREAM, &export()), &anchors);
    assert_eq!(by.filename.as_str(), "bundle.pem");
    assert_eq!(by.sha256, certificate(&UPSTREAM).sha256());
}

#[test]
fn an_anchor_in_der_is_read() {
    let der = certificate(&UPSTREAM).to_der().unwrap();
    let name = "upstream.crt".parse().unwrap();
    let found = Anchor::from_file(
        &name,
        AnchorSource::Directory,
        &der,
        &AnchorSettings::default(),
    );
    assert_eq!(
        found.unwrap()[0].certificate.sha256(),
        certificate(&UPSTREAM).sha256()
    );
}

#[test]
fn a_file_without_a_certificate_is_no_anchor() {
    let name = "notes.pem".parse().unwrap();
    for bytes in [
        &b""[..],
        b"hello",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let fault = Anchor::from_file(
            &name,
            AnchorSource::Directory,
            bytes,
            &AnchorSettings::default(),
        );
        let fault = fault.unwrap_err();
        assert_eq!(
            fault.to_string(),
            "the upstream CA notes.pem holds no certificate that can be read"
        );
    }
}

#[test]
fn nobody_verifies_what_another_signed() {
    let anchors = trust([
        anchor("ed25519.pem", &ED25519),
        anchor("upstream.crt", &UPSTREAM),
    ]);
    let refusal = refusal(&legacy(&OTHER, &export()), &anchors);
    assert_eq!(refusal.conflict, Conflict::SignatureConflict);
    let tried: Vec<_> = refusal.tried.iter().map(|t| t.filename.as_str()).collect();
    assert_eq!(tried, ["ed25519.pem", "upstream.crt"]);
    says(&refusal.tried[0].reason, "not one for SHA256withRSA");
    says(&refusal.tried[1].reason, "not by its key");
}

#[test]
fn the_refusal_says_who_was_tried_and_what_to_do() {
    let refusal = refusal(
        &legacy(&OTHER, &export()),
        &trust([anchor("upstream.crt", &UPSTREAM)]),
    );
    says(&refusal, "No upstream CA verifies the signature");
    says(&refusal, "Tried: upstream.crt (");
    says(&refusal, "POST it to /upstream_cas");
}

#[test]
fn without_anchors_the_refusal_says_so() {
    let refusal = refusal(&legacy(&UPSTREAM, &export()), &trust([]));
    assert_eq!(refusal.conflict, Conflict::SignatureConflict);
    says(&refusal, "No upstream CA is installed");
}

#[test]
fn one_changed_byte_of_the_inner_archive_breaks_the_signature() {
    let export = export();
    let signature = sign(&UPSTREAM, SignatureAlgorithm::Sha256WithRsa, &export);
    let mut changed = export.clone();
    // The seconds of the first entry's time: still an archive of the same content.
    let directory = changed.windows(4).position(|b| b == b"PK\x01\x02").unwrap();
    changed[10] ^= 1;
    changed[directory + 12] ^= 1;
    let anchors = trust([anchor("upstream.crt", &UPSTREAM)]);
    verified_by(&outer(&export, &signature), &anchors);
    let refusal = refusal(&outer(&changed, &signature), &anchors);
    says(&refusal.tried[0].reason, "not by its key");
}

#[test]
fn signatures_that_are_no_signatures_are_refused() {
    let anchors = trust([anchor("upstream.crt", &UPSTREAM)]);
    let good = sign(&UPSTREAM, SignatureAlgorithm::Sha256WithRsa, &export());
    let longer = [good.as_slice(), b"\0"].concat();
    let sha512 = sign(&UPSTREAM, SignatureAlgorithm::Sha512WithRsa, &export());
    for bad in [
        &b"x"[..],
        &[0; 256],
        &[0xFF; 256],
        &good[..255],
        &longer,
        &sha512,
    ] {
        let refusal = refusal(&outer(&export(), bad), &anchors);
        assert_eq!(refusal.conflict, Conflict::SignatureConflict);
        assert_eq!(refusal.tried[0].reason, "the signature is not by its key");
    }
}

#[test]
fn an_anchor_that_may_not_sign_is_skipped_with_its_reason() {
    let certs_only = usage(|usage| usage.key_cert_sign().crl_sign());
    let unfit = UPSTREAM.renewed(VALID, Some(None), certs_only).unwrap();
    let alone = refusal(
        &legacy(&UPSTREAM, &export()),
        &trust([anchor("unfit.pem", &unfit)]),
    );
    assert_eq!(
        alone.tried[0].reason,
        "it did sign this manifest, but its key usage lacks digitalSignature"
    );
    let both = trust([anchor("a-unfit.pem", &unfit), anchor("b.pem", &UPSTREAM)]);
    let by = verified_by(&legacy(&UPSTREAM, &export()), &both);
    assert_eq!(by.filename.as_str(), "b.pem");
}

#[test]
fn an_anchor_must_be_valid_now() {
    for (validity, why) in [
        (
            ENDED,
            "it did sign this manifest, but it ended on 2023-05-05",
        ),
        (
            FUTURE,
            "it did sign this manifest, but it is not valid before 2027-01-01",
        ),
    ] {
        let anchors = trust([anchor("upstream.crt", &renewed(validity))]);
        let refusal = refusal(&legacy(&UPSTREAM, &export()), &anchors);
        assert_eq!(refusal.conflict, Conflict::SignatureConflict);
        says(&refusal.tried[0].reason, why);
    }
}

#[test]
fn a_renewed_ca_verifies_what_the_old_one_signed() {
    let old = Authority::self_signed("Renewed CA", KeyKind::Rsa(2048), ENDED).unwrap();
    let usage = usage(|usage| usage.digital_signature().key_cert_sign());
    let new = old.renewed(VALID, Some(None), usage).unwrap();
    let anchors = trust([anchor("a-old.pem", &old), anchor("b-new.pem", &new)]);
    let by = verified_by(&legacy(&old, &export()), &anchors);
    assert_eq!(by.filename.as_str(), "b-new.pem");
    assert_eq!(by.spki_sha256, certificate(&old).spki_sha256());
    assert_ne!(by.sha256, certificate(&old).sha256());
}

#[test]
fn short_rsa_keys_are_refused() {
    let short = ca("Short CA", KeyKind::Rsa(1024));
    let refusal = refusal(
        &legacy(&short, &export()),
        &trust([anchor("short.pem", &short)]),
    );
    assert_eq!(
        refusal.tried[0].reason,
        "its key has 1024 bits; 2048 to 8192 are allowed"
    );
}
