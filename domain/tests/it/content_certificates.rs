//! Certificates and keys of entitlements and consumers: kept byte for byte, the certificate right
//! where it and the JSON differ, and nothing in them that makes an import wait.

use std::sync::LazyLock;

use openssl::x509::extension::KeyUsage;
use portolan_domain::{
    build::{Authority, Description, KeyKind, ManifestSigner, write_manifest},
    import::WarningCode,
    manifest::{Entitlement, IssuedCertificate},
};
use serde_json::{Value, json};

use crate::{
    support::{
        ED25519, NOW, UPSTREAM, VALID, certificate, content, content_error, export_with, says,
        unsigned,
    },
    zips::Entry,
};

/// The certificate of the entitlement `e1`, as it is issued upstream.
static LEAF: LazyLock<Authority> = LazyLock::new(|| leaf("e1"));

fn leaf(name: &str) -> Authority {
    let usage = signing_usage();
    ED25519
        .issue(name, KeyKind::P256, VALID, None, usage)
        .unwrap()
}

pub fn signing_usage() -> KeyUsage {
    let mut usage = KeyUsage::new();
    usage.digital_signature();
    usage
}

pub fn cert() -> String {
    LEAF.certificate_pem().unwrap()
}

pub fn key() -> String {
    LEAF.key_pem().unwrap().expose().to_owned()
}

pub fn upload(certificates: &Value) -> Vec<u8> {
    let json = json!({"id": "e1", "pool": {"id": "p1"}, "certificates": certificates});
    unsigned(&export_with(Entry::deflated(
        "export/entitlements/e1.json",
        json.to_string(),
    )))
}

/// The entitlement with these certificates, and the codes of its warnings.
#[track_caller]
fn taken(certificates: &Value) -> (Entitlement, Vec<WarningCode>) {
    let mut content = content(&upload(certificates)).unwrap();
    let (entitlement, warnings) = content.entitlements.remove(0);
    (
        entitlement,
        warnings.iter().map(|warning| warning.code).collect(),
    )
}

#[track_caller]
pub fn issued(certificates: &Value) -> (IssuedCertificate, Vec<WarningCode>) {
    let (entitlement, codes) = taken(certificates);
    (entitlement.certificate.unwrap(), codes)
}

#[test]
fn a_whole_certificate_is_taken_without_a_warning() {
    let serial = certificate(&LEAF).serial().unwrap();
    let number: u64 = serial.parse().unwrap();
    let hint = json!({"id": number, "serial": number, "revoked": false, "collected": false});
    let (found, codes) =
        issued(&json!([{"id": "c", "cert": cert(), "key": key(), "serial": hint}]));
    assert_eq!(codes, []);
    assert_eq!(found.serial, serial);
    assert_eq!(
        (found.not_before, found.not_after),
        (VALID.from, VALID.until)
    );
}

#[test]
fn three_blocks_come_back_byte_for_byte() {
    let text = format!(
        "{}-----BEGIN ENTITLEMENT DATA-----\neJwtzEEKgCAQBdC7/HUL\n-----END ENTITLEMENT DATA-----\n\
         -----BEGIN RSA SIGNATURE-----\r\nq83vEjRWeJA=\r\n-----END RSA SIGNATURE-----",
        cert()
    );
    for text in [
        text.clone(),
        format!("\n \n{text}\n\n"),
        text.replace('\n', "\r\n"),
    ] {
        let (found, codes) = issued(&json!([{"cert": text, "key": key()}]));
        assert_eq!(found.cert, text);
        assert_eq!(codes, []);
    }
}

#[test]
fn blocks_before_the_certificate_are_left_alone() {
    let text = format!(
        "-----BEGIN SIGNATURE-----\nq83v\n-----END SIGNATURE-----\n{}",
        cert()
    );
    let (found, codes) = issued(&json!([{"cert": text, "key": key()}]));
    assert_eq!(found.cert, text);
    assert_eq!(codes, []);
}

#[test]
fn an_unreadable_certificate_is_refused_with_its_entry() {
    let broken = cert().replacen("MII", "AAA", 1).replacen("MIH", "AAA", 1);
    for text in ["no certificate", &broken, &key()] {
        let error = content_error(&upload(&json!([{"cert": text, "key": key()}])));
        assert_eq!(error.entry.as_deref(), Some("export/entitlements/e1.json"));
        says(
            error,
            "the field certificates holds no certificate that can be read",
        );
    }
}

#[test]
fn no_certificate_is_a_warning() {
    for none in [
        json!([]),
        json!(null),
        json!([null]),
        json!([{}]),
        json!([{"cert": null}]),
        json!([{"cert": " "}]),
    ] {
        let (entitlement, codes) = taken(&none);
        assert_eq!(entitlement.certificate, None);
        assert_eq!(
            codes,
            [WarningCode::EntitlementWithoutCertificate],
            "{none}"
        );
    }
}

#[test]
fn of_several_certificates_the_first_is_used() {
    let second = leaf("second").certificate_pem().unwrap();
    let several =
        json!([null, {"cert": cert(), "key": key()}, {"cert": second}, {"cert": "unreadable"}]);
    let (found, codes) = issued(&several);
    assert_eq!(found.cert, cert());
    assert_eq!(codes, [WarningCode::SeveralCertificates]);
}

#[test]
fn a_certificate_of_another_name_is_a_warning() {
    let other = leaf("e2");
    let keyed = json!([{"cert": other.certificate_pem().unwrap(), "key": other.key_pem().unwrap().expose()}]);
    let (entitlement, codes) = taken(&keyed);
    assert_eq!(codes, [WarningCode::CertificateNameMismatch]);
    assert_eq!(entitlement.id.as_str(), "e1");
}

#[test]
fn a_rounded_serial_is_a_note_and_the_certificates_counts() {
    let serial = certificate(&LEAF).serial().unwrap();
    let exact: u64 = serial.parse().unwrap();
    #[expect(
        clippy::cast_precision_loss,
        reason = "what a JavaScript tool does to a serial"
    )]
    let rounded = exact as f64;
    for hint in [
        json!({"serial": rounded}),
        json!({"serial": exact - 1}),
        json!({"id": "17"}),
        json!(1),
    ] {
        let (found, codes) = issued(&json!([{"cert": cert(), "key": key(), "serial": hint}]));
        assert_eq!(found.serial, serial);
        assert_eq!(codes, [WarningCode::SerialRounded], "{hint}");
    }
    for hint in [
        json!(null),
        json!({}),
        json!({"serial": null}),
        json!([]),
        json!({"serial": serial}),
    ] {
        let (_, codes) = issued(&json!([{"cert": cert(), "key": key(), "serial": hint}]));
        assert_eq!(codes, [], "{hint}");
    }
    assert!(!WarningCode::SerialRounded.changes_status());
    assert!(!WarningCode::SeveralCertificates.changes_status());
}

#[test]
fn the_consumers_identity_is_kept_byte_for_byte() {
    let text = format!("{}\n", cert());
    let json = json!({"id": "i", "cert": text, "key": key(), "serial": {"serial": 1}});
    let entry = Entry::deflated("export/upstream_consumer/1.json", json.to_string());
    let identity = content(&unsigned(&export_with(entry)))
        .unwrap()
        .header
        .consumer
        .identity;
    let identity = identity.unwrap();
    assert_eq!(
        (identity.cert, identity.key.unwrap().expose()),
        (text, key().as_str())
    );
    let empty = Entry::stored("export/upstream_consumer/1.json", r#"{"cert":null}"#);
    assert_eq!(
        content(&unsigned(&export_with(empty)))
            .unwrap()
            .header
            .consumer
            .identity,
        None
    );
    let broken = Entry::stored("export/upstream_consumer/1.json", r#"{"cert":"x"}"#);
    let error = content_error(&unsigned(&export_with(broken)));
    assert_eq!(
        error.entry.as_deref(),
        Some("export/upstream_consumer/1.json")
    );
    says(error, "the identity certificate holds no certificate");
}

#[test]
fn subjects_with_an_organization_are_taken() {
    let description = Description {
        generate: 1,
        ..Description::default()
    };
    let signer = ManifestSigner::legacy(&UPSTREAM);
    let mut upload = Vec::new();
    let spool = std::io::Cursor::new(Vec::new());
    write_manifest(
        &description,
        (&UPSTREAM, &signer),
        &[],
        NOW,
        (&mut upload, spool),
    )
    .unwrap();
    let (entitlement, warnings) = content(&upload).unwrap().entitlements.remove(0);
    assert_eq!(warnings, []);
    says(
        entitlement.certificate.unwrap().cert,
        "BEGIN ENTITLEMENT DATA",
    );
}
