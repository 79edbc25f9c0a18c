//! Private keys of a manifest, old and new form: kept byte for byte, and nothing encrypted makes an
//! import ask anybody for a password.

use openssl::{pkey::PKey, rsa::Rsa, symm::Cipher};
use portolan_domain::{
    build::Authority,
    import::WarningCode,
    secret::PrivateKeyPem,
    trust::{Anchor, AnchorSettings, AnchorSource},
};
use serde_json::json;

use crate::{
    content_certificates::{cert, issued, key, signing_usage, upload},
    support::{ED25519, UPSTREAM, VALID, content_error, says},
};

#[test]
fn keys_of_both_forms_come_back_byte_for_byte() {
    let rsa = Rsa::generate(2048).unwrap();
    let pkcs1 = String::from_utf8(rsa.private_key_to_pem().unwrap()).unwrap();
    let pkcs8 = PKey::from_rsa(rsa)
        .unwrap()
        .private_key_to_pem_pkcs8()
        .unwrap();
    let pkcs8 = String::from_utf8(pkcs8).unwrap();
    assert!(
        pkcs1.starts_with("-----BEGIN RSA PRIVATE KEY-----"),
        "it is no PKCS#1"
    );
    let made = Authority::from_pem(&cert(), &PrivateKeyPem::new(pkcs1.clone())).unwrap();
    let own = made
        .renewed(VALID, None, signing_usage())
        .unwrap()
        .certificate_pem()
        .unwrap();
    for key in [&pkcs1, &pkcs8, &format!("{pkcs1}\n\n")] {
        let (found, codes) = issued(&json!([{"cert": own, "key": key}]));
        assert_eq!(found.key.unwrap().expose(), key);
        assert_eq!(codes, [], "the key was not found to fit");
    }
}

#[test]
fn a_key_that_is_missing_or_anothers_is_a_warning() {
    let other = ED25519.key_pem().unwrap().expose().to_owned();
    for key in [
        json!(null),
        json!(""),
        json!(" \n"),
        json!("no key"),
        json!(other),
    ] {
        let (found, codes) = issued(&json!([{"cert": cert(), "key": key}]));
        let blank = key.as_str().is_none_or(|key| key.trim().is_empty());
        assert_eq!(found.key.is_none(), blank, "{key}");
        assert_eq!(codes, [WarningCode::CertificateKeyMismatch], "{key}");
    }
    let (found, codes) = issued(&json!([{"cert": cert()}]));
    assert_eq!(
        (found.key, codes),
        (None, vec![WarningCode::CertificateKeyMismatch])
    );
}

#[test]
fn an_encrypted_key_is_a_warning_and_asks_nobody() {
    let key = PKey::private_key_from_pem(key().as_bytes()).unwrap();
    let pkcs8 = key
        .private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret")
        .unwrap();
    let old = key.ec_key().unwrap();
    let old = old
        .private_key_to_pem_passphrase(Cipher::aes_128_cbc(), b"secret")
        .unwrap();
    for pem in [pkcs8, old].map(|pem| String::from_utf8(pem).unwrap()) {
        assert!(pem.contains("ENCRYPTED"), "{pem}");
        let (found, codes) = issued(&json!([{"cert": cert(), "key": pem}]));
        assert_eq!(codes, [WarningCode::CertificateKeyMismatch]);
        assert_eq!(found.key.unwrap().expose(), pem);
    }
}

/// A certificate block that says it is encrypted: OpenSSL would ask a terminal for its password.
fn encrypted_certificate() -> String {
    let header =
        "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n";
    cert().replace(
        "CERTIFICATE-----\nM",
        &format!("CERTIFICATE-----\n{header}M"),
    )
}

#[test]
fn an_encrypted_certificate_is_refused_and_asks_nobody() {
    let text = encrypted_certificate();
    assert!(text.contains("Proc-Type"), "{text}");
    let error = content_error(&upload(&json!([{"cert": text, "key": key()}])));
    says(
        error,
        "the field certificates holds a certificate that is encrypted",
    );
    let name = "upstream.crt".parse().unwrap();
    let bundle = UPSTREAM.certificate_pem().unwrap() + &text;
    let fault = Anchor::from_file(
        &name,
        AnchorSource::Directory,
        bundle.as_bytes(),
        &AnchorSettings::default(),
    );
    says(fault.unwrap_err(), "holds a certificate that is encrypted");
}
