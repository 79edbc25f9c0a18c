//! Whom client certificates name: nobody, unless a client CA vouches for them now.

use openssl::x509::extension::KeyUsage;
use portolan_domain::{
    build::{Authority, KeyKind, Validity},
    trust::{ClientCas, ClientChain, TrustAnchors, VerifiedClient},
};
use time::Duration;

use crate::support::{ENDED, NOW, OTHER, UPSTREAM, VALID, anchor, ca, certificate, trust};

fn leaf_usage() -> KeyUsage {
    let mut usage = KeyUsage::new();
    usage.critical().digital_signature();
    usage
}

fn ca_usage() -> KeyUsage {
    let mut usage = KeyUsage::new();
    usage.critical().key_cert_sign();
    usage
}

fn leaf(issuer: &Authority, name: &str) -> Authority {
    leaf_valid(issuer, name, VALID)
}

fn leaf_valid(issuer: &Authority, name: &str, validity: Validity) -> Authority {
    issuer
        .issue(name, KeyKind::P256, validity, None, leaf_usage())
        .unwrap()
}

fn intermediate(issuer: &Authority, name: &str) -> Authority {
    issuer
        .issue(name, KeyKind::P256, VALID, Some(None), ca_usage())
        .unwrap()
}

fn chain(certificates: &[&Authority]) -> ClientChain {
    let ders = certificates
        .iter()
        .map(|one| certificate(one).to_der().unwrap());
    let ders: Vec<_> = ders.collect();
    ClientChain::from_der(&ders[0], ders[1..].iter().map(Vec::as_slice)).unwrap()
}

fn cas(authorities: &[&Authority]) -> ClientCas {
    let pems = authorities.iter().map(|one| one.certificate_pem().unwrap());
    ClientCas::from_pem(pems.collect::<String>().as_bytes()).unwrap()
}

fn verified(cas: &ClientCas, certificates: &[&Authority]) -> Option<VerifiedClient> {
    cas.verify(&chain(certificates), NOW).ok()
}

/// The subject, as far as it counts now.
fn subject(
    cas: &ClientCas,
    certificates: &[&Authority],
    upstream: &TrustAnchors,
) -> Option<String> {
    let verified = verified(cas, certificates)?;
    verified.subject_at(NOW, upstream).map(ToString::to_string)
}

#[test]
fn a_client_ca_vouches_for_a_subject() {
    let root = ca("Client CA", KeyKind::P256);
    let between = intermediate(&root, "Between");
    let (direct, below) = (leaf(&root, "edge-1"), leaf(&between, "edge-2"));
    let (cas, none) = (cas(&[&*OTHER, &root]), TrustAnchors::default());
    assert_eq!(
        subject(&cas, &[&direct], &none).as_deref(),
        Some("CN=edge-1")
    );
    assert_eq!(
        subject(&cas, &[&below, &between], &none).as_deref(),
        Some("CN=edge-2")
    );
    assert_eq!(
        subject(&cas, &[&below], &none),
        None,
        "its issuer was not sent"
    );
    assert_eq!(
        subject(&cas, &[&below, &root, &direct, &between], &none).as_deref(),
        Some("CN=edge-2")
    );
}

#[test]
fn a_ca_below_another_vouches_by_itself() {
    let root = ca("Root", KeyKind::P256);
    let between = intermediate(&root, "Between");
    let cas = cas(&[&between]);
    let none = TrustAnchors::default();
    assert!(subject(&cas, &[&leaf(&between, "edge-1")], &none).is_some());
    assert!(subject(&cas, &[&leaf(&root, "edge-1")], &none).is_none());
}

#[test]
fn the_right_subject_from_the_wrong_ca_is_nobody() {
    let root = ca("Client CA", KeyKind::P256);
    let twin = ca("Client CA", KeyKind::P256);
    let cas = cas(&[&root]);
    let none = TrustAnchors::default();
    let self_signed = ca("edge-1", KeyKind::P256);
    for stranger in [&leaf(&twin, "edge-1"), &self_signed] {
        assert_eq!(subject(&cas, &[stranger, &twin, &root], &none), None);
    }
    let no_ca = leaf(&root, "no CA");
    let below = leaf(&no_ca, "edge-1");
    assert_eq!(
        subject(&cas, &[&below, &no_ca], &none),
        None,
        "a leaf issues nothing"
    );
}

#[test]
fn only_a_tls_client_with_a_sound_key_is_vouched_for() {
    let root = ca("Client CA", KeyKind::P256);
    let cas = cas(&[&root]);
    let none = TrustAnchors::default();
    let only_signs_certificates = root.issue("edge-1", KeyKind::P256, VALID, None, ca_usage());
    assert_eq!(
        subject(&cas, &[&only_signs_certificates.unwrap()], &none),
        None
    );
    let short = root.issue("edge-1", KeyKind::Rsa(1024), VALID, None, leaf_usage());
    assert_eq!(subject(&cas, &[&short.unwrap()], &none), None);
}

#[test]
fn validity_counts_at_each_question() {
    let root = ca("Client CA", KeyKind::P256);
    let cas = cas(&[&root]);
    let none = TrustAnchors::default();
    assert_eq!(
        subject(&cas, &[&leaf_valid(&root, "edge-1", ENDED)], &none),
        None
    );
    let soon = Validity {
        from: NOW - Duration::hours(1),
        until: NOW + Duration::hours(1),
    };
    let verified = verified(&cas, &[&leaf_valid(&root, "edge-1", soon)]).unwrap();
    let at = |hours| verified.subject_at(NOW + Duration::hours(hours), &none);
    assert!(at(0).is_some() && at(1).is_some());
    assert!(at(2).is_none() && at(-2).is_none());
}

#[test]
fn an_upstream_ca_is_never_a_client_ca() {
    let root = ca("Client CA", KeyKind::P256);
    let cas = cas(&[&*UPSTREAM, &root]);
    let upstream = trust([anchor("upstream.crt", &UPSTREAM)]);
    assert!(subject(&cas, &[&leaf(&root, "edge-1")], &upstream).is_some());
    let entitlement = leaf(&UPSTREAM, "8a85f98444de1da50144e6d3a7be0e5f");
    assert_eq!(subject(&cas, &[&entitlement], &upstream), None);
    assert!(subject(&cas, &[&entitlement], &TrustAnchors::default()).is_some());
    // Renewed: another certificate of the same key.
    let renewed = UPSTREAM.renewed(VALID, Some(None), ca_usage()).unwrap();
    let renewed_anchor = trust([anchor("upstream.crt", &renewed)]);
    assert_eq!(subject(&cas, &[&entitlement], &renewed_anchor), None);
}

#[test]
fn nor_is_what_an_upstream_ca_issued_or_is_below() {
    let below = intermediate(&UPSTREAM, "Below upstream");
    let client = leaf(&below, "edge-1");
    let by_root = trust([anchor("upstream.crt", &UPSTREAM)]);
    let by_below = trust([anchor("below.crt", &below)]);
    for (file, upstream) in [
        (&below, &by_root),
        (&*UPSTREAM, &by_below),
        (&below, &by_below),
    ] {
        assert_eq!(subject(&cas(&[file]), &[&client, &below], upstream), None);
    }
}

#[test]
fn a_file_of_client_cas_holds_cas() {
    let root = ca("Client CA", KeyKind::P256);
    let refused = |text: &str| {
        ClientCas::from_pem(text.as_bytes())
            .err()
            .unwrap()
            .to_string()
    };
    assert!(refused("").contains("no certificate"));
    let leaf = leaf(&root, "edge-1").certificate_pem().unwrap();
    let both = root.certificate_pem().unwrap() + &leaf;
    assert!(refused(&both).contains("CN=edge-1") && refused(&both).contains("no CA"));
}
