//! Where the CA of an import is today: found by certificate, else by public key, under any name.

use portolan_domain::{
    build::Authority,
    trust::{Anchor, AnchorSettings, AnchorSource, CaStatus, TrustAnchors, VerifiedBy},
};

use crate::support::{
    ED25519, ENDED, OTHER, UPSTREAM, VALID, anchor, certificate, export, legacy, trust, verified_by,
};

/// What an import recorded when `upstream.crt` verified it.
fn recorded() -> VerifiedBy {
    verified_by(
        &legacy(&UPSTREAM, &export()),
        &trust([anchor("upstream.crt", &UPSTREAM)]),
    )
}

fn renewed() -> Authority {
    let mut usage = openssl::x509::extension::KeyUsage::new();
    usage.digital_signature();
    UPSTREAM.renewed(VALID, Some(None), usage).unwrap()
}

/// The name and certificate under which the recorded CA is found.
fn found(anchors: &TrustAnchors) -> Option<(String, String)> {
    let by = recorded();
    match anchors.status(by.filename.as_str(), by.sha256, by.spki_sha256) {
        CaStatus::Present(anchor) => Some((
            anchor.filename.to_string(),
            anchor.certificate.sha256().to_string(),
        )),
        CaStatus::Missing => None,
    }
}

fn place(name: &str, authority: &Authority) -> (String, String) {
    (name.to_owned(), certificate(authority).sha256().to_string())
}

#[test]
fn a_ca_that_stayed_is_present() {
    let anchors = trust([anchor("a.pem", &OTHER), anchor("upstream.crt", &UPSTREAM)]);
    assert_eq!(found(&anchors), Some(place("upstream.crt", &UPSTREAM)));
}

#[test]
fn a_ca_that_was_renamed_is_present_under_its_new_name() {
    let anchors = trust([
        anchor("renamed.pem", &UPSTREAM),
        anchor("upstream.crt", &OTHER),
    ]);
    assert_eq!(found(&anchors), Some(place("renamed.pem", &UPSTREAM)));
}

#[test]
fn a_ca_that_was_renewed_is_present_by_its_key() {
    let renewed = renewed();
    assert_ne!(
        certificate(&renewed).sha256(),
        certificate(&UPSTREAM).sha256()
    );
    let anchors = trust([anchor("renewed.pem", &renewed), anchor("z.pem", &OTHER)]);
    assert_eq!(found(&anchors), Some(place("renewed.pem", &renewed)));
}

#[test]
fn the_same_certificate_comes_before_the_same_key_and_the_same_name_before_others() {
    let renewed = renewed();
    let anchors = trust([
        anchor("a-renewed.pem", &renewed),
        anchor("z.pem", &UPSTREAM),
    ]);
    assert_eq!(found(&anchors), Some(place("z.pem", &UPSTREAM)));
    let anchors = trust([
        anchor("a.pem", &UPSTREAM),
        anchor("upstream.crt", &UPSTREAM),
    ]);
    assert_eq!(found(&anchors), Some(place("upstream.crt", &UPSTREAM)));
    let anchors = trust([anchor("a.pem", &renewed), anchor("upstream.crt", &renewed)]);
    assert_eq!(found(&anchors), Some(place("upstream.crt", &renewed)));
}

#[test]
fn a_ca_that_ended_is_still_present() {
    let mut usage = openssl::x509::extension::KeyUsage::new();
    usage.digital_signature();
    let ended = UPSTREAM.renewed(ENDED, Some(None), usage).unwrap();
    assert_eq!(
        found(&trust([anchor("upstream.crt", &ended)])),
        Some(place("upstream.crt", &ended))
    );
}

#[test]
fn a_ca_that_was_taken_away_is_missing_though_its_name_is_taken() {
    assert_eq!(found(&trust([])), None);
    assert_eq!(
        found(&trust([
            anchor("upstream.crt", &OTHER),
            anchor("b.pem", &ED25519)
        ])),
        None
    );
}

#[test]
fn a_directorys_file_comes_before_the_databases_of_the_same_name() {
    let from = |source, authority: &Authority| {
        let pem = authority.certificate_pem().unwrap();
        let name = "same.pem".parse().unwrap();
        Anchor::from_file(&name, source, pem.as_bytes(), &AnchorSettings::default())
            .unwrap()
            .remove(0)
    };
    let anchors = TrustAnchors::new(vec![
        from(AnchorSource::Database, &OTHER),
        from(AnchorSource::Directory, &UPSTREAM),
    ]);
    let sources: Vec<_> = anchors.iter().map(|anchor| anchor.source).collect();
    assert_eq!(sources, [AnchorSource::Directory, AnchorSource::Database]);
}
