//! Candlepin's `CertificateDTO`: the serial is a number, and there is no key in it.

use serde::{Serialize, Serializer, ser::Error};
use serde_json::value::RawValue;
use time::OffsetDateTime;

use super::time::SecondsUtc;

/// A certificate.
#[derive(Debug, Serialize)]
pub struct Certificate {
    created: Option<SecondsUtc>,
    updated: Option<SecondsUtc>,
    id: String,
    /// Always null. Candlepin shows the private key here; nobody who reads this needs it.
    key: (),
    cert: String,
    serial: CertificateSerial,
}

/// Its `CertificateSerialDTO`.
#[derive(Debug, Serialize)]
struct CertificateSerial {
    created: Option<SecondsUtc>,
    updated: Option<SecondsUtc>,
    id: SerialNumber,
    serial: SerialNumber,
    expiration: SecondsUtc,
    revoked: bool,
}

impl Certificate {
    /// The first certificate of a PEM text, and nothing else of it: a text that came in a manifest
    /// may hold any block, a key's too. Nothing where there is none that can be read.
    #[must_use]
    pub fn of(pem: &str, created: Option<OffsetDateTime>) -> Option<Self> {
        let certificate = portolan_domain::trust::Certificate::from_pem(pem.as_bytes()).ok()?;
        let serial = certificate.serial().ok()?;
        let created = created.map(SecondsUtc);
        Some(Self {
            created,
            updated: created,
            id: serial.clone(),
            key: (),
            cert: certificate.to_pem().ok()?,
            serial: CertificateSerial {
                created,
                updated: created,
                id: SerialNumber(serial.clone()),
                serial: SerialNumber(serial),
                expiration: SecondsUtc(certificate.not_after()),
                revoked: false,
            },
        })
    }
}

/// A serial number in decimal, as a bare JSON number: it has up to 20 bytes (RFC 5280, 4.1.2.2), so
/// no integer of ours would hold each.
#[derive(Debug)]
struct SerialNumber(String);

impl Serialize for SerialNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = RawValue::from_string(self.0.clone());
        number.map_err(S::Error::custom)?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use portolan_domain::build::{Authority, KeyKind, Validity};
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_serial_of_any_length_is_a_bare_number() {
        for digits in [
            "0",
            "9220396096563833453",
            "1461501637330902918203684832716283019655932542975",
        ] {
            let number = serde_json::to_string(&SerialNumber(digits.to_owned()));
            assert_eq!(number.unwrap(), digits);
        }
    }

    #[test]
    fn a_text_with_a_key_in_it_gives_the_certificate_alone() {
        let validity = Validity {
            from: datetime!(2026-01-01 00:00 UTC),
            until: datetime!(2027-01-01 00:00 UTC),
        };
        let ca = Authority::self_signed("Test", KeyKind::Ed25519, validity).unwrap();
        let pem = ca.certificate_pem().unwrap();
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let shown = Certificate::of(&format!("{key}{pem}{key}"), None).unwrap();
        assert_eq!(shown.cert, pem);
        let text = serde_json::to_string(&shown).unwrap();
        assert!(!text.contains("PRIVATE"), "{text}");
        assert!(
            text.contains("\"expiration\":\"2027-01-01T00:00:00+0000\""),
            "{text}"
        );
        assert!(text.contains("\"key\":null"), "{text}");
        assert!(Certificate::of("no certificate", None).is_none());
    }
}
