//! Certificates with their keys as a manifest carries them: `{id,key,cert,serial{…}}`.

use serde::Deserialize;
use time::OffsetDateTime;

use super::{
    json::or_default,
    lenient::{Counts, SerialHint},
};
use crate::{
    secret::PrivateKeyPem,
    trust::{Certificate, CertificateError},
};

/// A certificate text with its key, both byte for byte as they came.
///
/// The text may hold more than one block: a version 3 entitlement certificate carries
/// `ENTITLEMENT DATA` and `RSA SIGNATURE` blocks, and clients need every one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// The certificate text.
    pub cert: String,
    /// The key, where there is one.
    pub key: Option<PrivateKeyPem>,
    /// The certificate's serial number, in decimal.
    pub serial: String,
    /// Its first valid instant.
    pub not_before: OffsetDateTime,
    /// Its last valid instant.
    pub not_after: OffsetDateTime,
}

/// What else was seen while reading one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub common_name: Option<String>,
    pub key_fits: bool,
    pub serial_differs: bool,
}

#[derive(Deserialize)]
pub(super) struct CertificateJson {
    #[serde(default)]
    cert: Option<String>,
    #[serde(default)]
    key: Option<PrivateKeyPem>,
    #[serde(default, deserialize_with = "or_default")]
    serial: SerialHint,
}

/// Whether there is a certificate at all: some releases wrote entries with nothing in them.
impl Counts for CertificateJson {
    fn counts(&self) -> bool {
        self.cert
            .as_ref()
            .is_some_and(|cert| !cert.trim().is_empty())
    }
}

impl CertificateJson {
    /// Reads the certificate itself: it is right where it and the JSON differ.
    pub fn read(self) -> Result<(IssuedCertificate, Seen), CertificateError> {
        let cert = self.cert.ok_or(CertificateError::Unreadable)?;
        let parsed = Certificate::from_pem(cert.as_bytes())?;
        let serial = parsed.serial()?;
        let key = self.key.filter(|key| !key.expose().trim().is_empty());
        let seen = Seen {
            common_name: parsed.common_name(),
            key_fits: key.as_ref().is_some_and(|key| parsed.fits(key)),
            serial_differs: self.serial.0.is_some_and(|hint| hint != serial),
        };
        let issued = IssuedCertificate {
            cert,
            key,
            serial,
            not_before: parsed.not_before(),
            not_after: parsed.not_after(),
        };
        Ok((issued, seen))
    }
}
