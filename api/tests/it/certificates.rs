//! Certificates of servers and clients, made in code: nothing expires, and nothing is kept.

use std::path::Path;

use openssl::{
    pkey::{PKey, Private},
    ssl::SslContextBuilder,
    x509::{X509, extension::KeyUsage},
};
use portolan_domain::{
    build::{Authority, KeyKind, Validity},
    digest::Sha256Digest,
};
use time::Duration;

use super::support::now;

/// Valid now, and long before and after.
pub fn valid() -> Validity {
    Validity {
        from: now() - Duration::days(1000),
        until: now() + Duration::days(10_000),
    }
}

/// Ended a day ago.
pub fn ended() -> Validity {
    Validity {
        from: now() - Duration::days(1000),
        until: now() - Duration::days(1),
    }
}

pub fn ca(name: &str) -> Authority {
    Authority::self_signed(name, KeyKind::P256, valid()).unwrap()
}

/// A certificate for a server or a client.
pub fn leaf(issuer: &Authority, name: &str) -> Authority {
    leaf_valid(issuer, name, valid())
}

pub fn leaf_valid(issuer: &Authority, name: &str, validity: Validity) -> Authority {
    let mut usage = KeyUsage::new();
    usage.critical().digital_signature();
    issuer
        .issue(name, KeyKind::P256, validity, None, usage)
        .unwrap()
}

pub fn intermediate(issuer: &Authority, name: &str) -> Authority {
    let mut usage = KeyUsage::new();
    usage.critical().key_cert_sign();
    issuer
        .issue(name, KeyKind::P256, valid(), Some(None), usage)
        .unwrap()
}

pub fn x509(authority: &Authority) -> X509 {
    X509::from_pem(authority.certificate_pem().unwrap().as_bytes()).unwrap()
}

pub fn key(authority: &Authority) -> PKey<Private> {
    PKey::private_key_from_pem(authority.key_pem().unwrap().expose().as_bytes()).unwrap()
}

pub fn fingerprint(authority: &Authority) -> String {
    Sha256Digest::of(&x509(authority).to_der().unwrap()).to_string()
}

/// Writes the certificate and the key of a server into a folder, as `tls.crt` and `tls.key`.
pub fn write_pair(folder: &Path, server: &Authority) {
    std::fs::write(folder.join("tls.crt"), server.certificate_pem().unwrap()).unwrap();
    std::fs::write(folder.join("tls.key"), server.key_pem().unwrap().expose()).unwrap();
}

/// Lets a TLS client show this certificate, and those that stand between it and its CA.
pub fn show(client: &mut SslContextBuilder, certificate: &Authority, between: &[&Authority]) {
    client.set_certificate(&x509(certificate)).unwrap();
    client.set_private_key(&key(certificate)).unwrap();
    for issuer in between {
        client.add_extra_chain_cert(x509(issuer)).unwrap();
    }
}
