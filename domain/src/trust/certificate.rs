//! One X.509 certificate (RFC 5280) and the facts that decisions rest on.

use std::sync::OnceLock;

use openssl::x509::X509KeyUsage;
use openssl::{
    asn1::{Asn1Time, Asn1TimeRef},
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Public},
    x509::{X509, X509Ref},
};
use thiserror::Error;
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::words::{one_line, rfc3339};
use crate::{digest::Sha256Digest, secret::PrivateKeyPem};

/// Why bytes are no certificate that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// No certificate could be read.
    #[error("holds no certificate that can be read")]
    Unreadable,
    /// No `CERTIFICATE` block, where only such will do.
    #[error(
        "holds no block -----BEGIN CERTIFICATE-----; write a certificate in DER as PEM first: \
         openssl x509 -inform DER -in FILE"
    )]
    NotPem,
    /// An encrypted block: a certificate is public, and nobody is asked for a password here.
    #[error("holds a certificate that is encrypted")]
    Encrypted,
    /// A part of it could not be read.
    #[error("holds a certificate whose {0} cannot be read")]
    Part(&'static str),
}

/// A certificate that was read.
#[derive(Debug, Clone)]
pub struct Certificate {
    x509: X509,
    sha256: Sha256Digest,
    spki_sha256: Sha256Digest,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    pem: OnceLock<String>,
}

impl Certificate {
    /// Reads the first `CERTIFICATE` block of a PEM text (RFC 7468); other blocks are left alone.
    ///
    /// # Errors
    /// [`CertificateError`] where there is none, or it is broken.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        refuse_encrypted(pem)?;
        let x509 = X509::from_pem(pem).map_err(|_| CertificateError::Unreadable)?;
        Self::new(x509)
    }

    /// Reads all `CERTIFICATE` blocks of a PEM text, or one certificate in DER.
    ///
    /// # Errors
    /// [`CertificateError`] where there is none, or one is broken.
    pub fn all_from_file(bytes: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let found = if let Ok(x509) = X509::from_der(bytes) {
            vec![x509]
        } else {
            refuse_encrypted(bytes)?;
            X509::stack_from_pem(bytes).map_err(|_| CertificateError::Unreadable)?
        };
        if found.is_empty() {
            return Err(CertificateError::Unreadable);
        }
        found.into_iter().map(Self::new).collect()
    }

    /// Reads one certificate in DER, nothing behind it.
    ///
    /// # Errors
    /// [`CertificateError`] where it is broken.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let x509 = X509::from_der(der).map_err(|_| CertificateError::Unreadable)?;
        let whole = x509.to_der().is_ok_and(|again| again.len() == der.len());
        if !whole {
            return Err(CertificateError::Unreadable);
        }
        Self::new(x509)
    }

    pub(crate) fn new(x509: X509) -> Result<Self, CertificateError> {
        let part = |name| move |_: ErrorStack| CertificateError::Part(name);
        let sha256 = x509
            .digest(MessageDigest::sha256())
            .map_err(part("digest"))?;
        let sha256 = Sha256Digest::from_bytes(&sha256).ok_or(CertificateError::Part("digest"))?;
        let key = x509.public_key().map_err(part("public key"))?;
        let spki = key.public_key_to_der().map_err(part("public key"))?;
        Ok(Self {
            sha256,
            spki_sha256: Sha256Digest::of(&spki),
            not_before: instant(x509.not_before()).map_err(part("notBefore"))?,
            not_after: instant(x509.not_after()).map_err(part("notAfter"))?,
            x509,
            pem: OnceLock::new(),
        })
    }

    /// SHA-256 of the certificate (its fingerprint).
    #[must_use]
    pub fn sha256(&self) -> Sha256Digest {
        self.sha256
    }

    /// SHA-256 of its `SubjectPublicKeyInfo`: a renewed certificate of the same key has the same.
    #[must_use]
    pub fn spki_sha256(&self) -> Sha256Digest {
        self.spki_sha256
    }

    /// The first instant at which it is valid.
    #[must_use]
    pub fn not_before(&self) -> OffsetDateTime {
        self.not_before
    }

    /// The last instant at which it is valid.
    #[must_use]
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// The certificate as one PEM block, written once.
    ///
    /// # Errors
    /// [`CertificateError`] where OpenSSL cannot write it.
    pub fn to_pem(&self) -> Result<String, CertificateError> {
        if let Some(written) = self.pem.get() {
            return Ok(written.clone());
        }
        let part = || CertificateError::Part("PEM form");
        let pem = self.x509.to_pem().map_err(|_| part())?;
        let pem = String::from_utf8(pem).map_err(|_| part())?;
        Ok(self.pem.get_or_init(|| pem).clone())
    }

    /// The certificate in DER.
    ///
    /// # Errors
    /// [`CertificateError`] where OpenSSL cannot write it.
    pub fn to_der(&self) -> Result<Vec<u8>, CertificateError> {
        self.x509
            .to_der()
            .map_err(|_| CertificateError::Part("DER form"))
    }

    /// The subject as one line, for people: `CN=Upstream CA`.
    #[must_use]
    pub fn subject(&self) -> String {
        one_line(self.x509.subject_name())
    }

    /// The issuer, likewise.
    #[must_use]
    pub fn issuer(&self) -> String {
        one_line(self.x509.issuer_name())
    }

    /// The one common name of the subject; none where there are several or none.
    #[must_use]
    pub fn common_name(&self) -> Option<String> {
        let mut names = self.x509.subject_name().entries_by_nid(Nid::COMMONNAME);
        let first = names.next()?.data().to_string().ok()?;
        names.next().is_none().then_some(first)
    }

    /// The serial number, in decimal: it does not fit a JavaScript number.
    ///
    /// # Errors
    /// [`CertificateError`] where it cannot be read.
    pub fn serial(&self) -> Result<String, CertificateError> {
        let serial = self.x509.serial_number().to_bn();
        let text = serial.and_then(|number| Ok(number.to_dec_str()?.to_string()));
        text.map_err(|_| CertificateError::Part("serial number"))
    }

    /// Why it is not valid at `at`, or nothing where it is.
    #[must_use]
    pub fn invalid_at(&self, at: OffsetDateTime) -> Option<String> {
        if at < self.not_before {
            Some(format!(
                "it is not valid before {}",
                rfc3339(self.not_before)
            ))
        } else if at > self.not_after {
            Some(format!("it ended on {}", rfc3339(self.not_after)))
        } else {
            None
        }
    }

    /// Whether key usage is absent or allows signing data (`digitalSignature`).
    #[must_use]
    pub fn may_sign_data(&self) -> bool {
        let usage = self.x509.key_usage();
        usage.is_none_or(|usage| usage.contains(X509KeyUsage::DIGITAL_SIGNATURE))
    }

    /// Whether it is a CA: `basicConstraints` with `CA:TRUE`.
    #[must_use]
    pub fn is_ca(&self) -> bool {
        // The openssl crate has no reader for this flag; one that refuses what it does not
        // understand (a second extension of the kind, say) is the safe side here.
        let Ok(der) = self.x509.to_der() else {
            return false;
        };
        let Ok((_, parsed)) = X509Certificate::from_der(&der) else {
            return false;
        };
        matches!(parsed.basic_constraints(), Ok(Some(constraints)) if constraints.value.ca)
    }

    /// Whether it may issue a certificate that signs: a CA, `keyCertSign` where it has key usage,
    /// and room for one more below it.
    #[must_use]
    pub fn may_issue(&self) -> bool {
        let usage = self.x509.key_usage();
        let signs = usage.is_none_or(|usage| usage.contains(X509KeyUsage::KEY_CERT_SIGN));
        self.is_ca() && signs && self.x509.pathlen().is_none_or(|length| length >= 1)
    }

    /// Whether `other` names this one as its issuer and carries its signature.
    #[must_use]
    pub fn issued(&self, other: &Self) -> bool {
        let named = same_name(&self.x509, &other.x509);
        let signed = named
            && self
                .public_key()
                .is_ok_and(|key| other.x509.verify(&key).unwrap_or(false));
        // OpenSSL leaves the reason behind for whoever asks it next on this thread.
        drop(ErrorStack::get());
        signed
    }

    /// Whether both are one identity: the same subject and the same public key.
    #[must_use]
    pub fn same_identity(&self, other: &Self) -> bool {
        let subjects = self.x509.subject_name().try_cmp(other.x509.subject_name());
        self.spki_sha256 == other.spki_sha256 && subjects.is_ok_and(std::cmp::Ordering::is_eq)
    }

    /// Whether this private key is the certificate's. A key that cannot be read is not.
    #[must_use]
    pub fn fits(&self, key: &PrivateKeyPem) -> bool {
        // With a passphrase at hand OpenSSL never asks a terminal for one.
        let key = PKey::private_key_from_pem_passphrase(key.expose().as_bytes(), b"");
        let own = self.public_key();
        matches!((key, own), (Ok(key), Ok(own)) if own.public_eq(&key))
    }

    pub(super) fn x509(&self) -> &X509Ref {
        &self.x509
    }

    pub(crate) fn public_key(&self) -> Result<PKey<Public>, ErrorStack> {
        self.x509.public_key()
    }
}

/// Refuses a certificate block with the header of an encrypted one (RFC 1421, 4.6.1.1): OpenSSL
/// would ask a terminal for its password, and an import would wait there for an answer.
fn refuse_encrypted(pem: &[u8]) -> Result<(), CertificateError> {
    let text = String::from_utf8_lossy(pem);
    let encrypted = |block: &str| block.contains("CERTIFICATE") && block.contains("Proc-Type:");
    if text.split("-----BEGIN ").skip(1).any(encrypted) {
        return Err(CertificateError::Encrypted);
    }
    Ok(())
}

fn same_name(issuer: &X509Ref, subject: &X509Ref) -> bool {
    let names = issuer.subject_name().try_cmp(subject.issuer_name());
    names.is_ok_and(std::cmp::Ordering::is_eq)
}

fn instant(time: &Asn1TimeRef) -> Result<OffsetDateTime, ErrorStack> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    let seconds = i64::from(since.days) * 86_400 + i64::from(since.secs);
    // Years an X.509 time can hold (0 to 9999) are all within the type's range.
    let epoch = OffsetDateTime::UNIX_EPOCH;
    Ok(epoch
        .checked_add(Duration::seconds(seconds))
        .unwrap_or(epoch))
}
