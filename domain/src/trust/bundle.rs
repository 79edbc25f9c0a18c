//! The certificates that an operator sets for a CDN: checked, and stripped of everything else that
//! stood in their file.

use super::certificate::{Certificate, CertificateError};

/// One or more certificates with their PEM form.
#[derive(Debug, Clone)]
pub struct CertificateBundle {
    pem: String,
    certificates: Vec<Certificate>,
}

impl CertificateBundle {
    /// Reads all `CERTIFICATE` blocks of a PEM text. A private key beside them is not kept.
    ///
    /// # Errors
    /// [`CertificateError`] where there is none, or one is broken.
    pub fn parse(text: &[u8]) -> Result<Self, CertificateError> {
        let begins = |line: &[u8]| line.starts_with(b"-----BEGIN CERTIFICATE-----");
        if !text.split(|byte| matches!(byte, b'\n' | b'\r')).any(begins) {
            return Err(CertificateError::NotPem);
        }
        let certificates = Certificate::all_from_file(text)?;
        let pem: Result<String, _> = certificates.iter().map(Certificate::to_pem).collect();
        Ok(Self {
            pem: pem?,
            certificates,
        })
    }

    /// The certificates as PEM, and nothing else.
    #[must_use]
    pub fn as_pem(&self) -> &str {
        &self.pem
    }

    /// The certificates, in their order.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::build::{Authority, KeyKind, Validity};

    fn authority(name: &str) -> Authority {
        let validity = Validity {
            from: datetime!(2020-01-01 0:00 UTC),
            until: datetime!(2040-01-01 0:00 UTC),
        };
        Authority::self_signed(name, KeyKind::P256, validity).unwrap()
    }

    #[test]
    fn only_the_certificates_are_kept() {
        let (one, two) = (authority("one"), authority("two"));
        let (first, second) = (
            one.certificate_pem().unwrap(),
            two.certificate_pem().unwrap(),
        );
        let key = one.key_pem().unwrap();
        let text = format!("# notes\r\n{}{first}\nmore\n{second}", key.expose());
        let bundle = CertificateBundle::parse(text.as_bytes()).unwrap();
        assert_eq!(bundle.as_pem(), format!("{first}{second}"));
        assert_eq!(bundle.certificates().len(), 2);
    }

    #[test]
    fn der_and_what_is_no_certificate_are_refused_with_a_word() {
        let own = authority("one");
        let der = Certificate::from_pem(own.certificate_pem().unwrap().as_bytes());
        let der = der.unwrap().to_der().unwrap();
        let key = own.key_pem().unwrap();
        for text in [&der[..], b"", b"no certificate", key.expose().as_bytes()] {
            let refused = CertificateBundle::parse(text).unwrap_err();
            assert_eq!(refused, CertificateError::NotPem);
            assert!(refused.to_string().contains("-inform DER"));
        }
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(
            CertificateBundle::parse(broken).unwrap_err(),
            CertificateError::Unreadable
        );
    }
}
