//! Candlepin's `CdnDTO`.

use serde::Serialize;
use time::OffsetDateTime;

use super::{certificate::Certificate, time::SecondsUtc};

/// What is known of a CDN.
#[derive(Debug)]
pub struct CdnFacts {
    /// Its id.
    pub id: String,
    /// Its label.
    pub label: String,
    /// Its name for people.
    pub name: Option<String>,
    /// Its base URL.
    pub url: String,
    /// The certificate that it shows, PEM.
    pub certificate: Option<String>,
    /// When it was made, where that is known.
    pub created: Option<OffsetDateTime>,
    /// When it was changed last, likewise.
    pub updated: Option<OffsetDateTime>,
}

/// An operator's CDN.
#[derive(Debug, Serialize)]
pub struct Cdn {
    created: Option<SecondsUtc>,
    updated: Option<SecondsUtc>,
    id: String,
    label: String,
    name: Option<String>,
    url: String,
    certificate: Option<Certificate>,
}

impl From<CdnFacts> for Cdn {
    fn from(cdn: CdnFacts) -> Self {
        let certificate = cdn.certificate.as_deref();
        Self {
            created: cdn.created.map(SecondsUtc),
            updated: cdn.updated.map(SecondsUtc),
            id: cdn.id,
            label: cdn.label,
            name: cdn.name,
            url: cdn.url,
            certificate: certificate.and_then(|pem| Certificate::of(pem, cdn.created)),
        }
    }
}

#[cfg(test)]
mod tests {
    use portolan_domain::build::{Authority, KeyKind, Validity};
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::*;

    fn shown(certificate: Option<String>) -> Value {
        let cdn = CdnFacts {
            id: "7".to_owned(),
            label: "edge".to_owned(),
            name: None,
            url: "https://edge.example.com".to_owned(),
            certificate,
            created: None,
            updated: None,
        };
        serde_json::to_value(Cdn::from(cdn)).unwrap()
    }

    #[test]
    fn is_candlepins_with_a_certificate_or_without() {
        let bare = json!({
            "created": null, "updated": null, "id": "7", "label": "edge", "name": null,
            "url": "https://edge.example.com", "certificate": null,
        });
        assert_eq!(shown(None), bare);
        let validity = Validity {
            from: datetime!(2026-01-01 00:00 UTC),
            until: datetime!(2027-01-01 00:00 UTC),
        };
        let ca = Authority::self_signed("Edge", KeyKind::Ed25519, validity).unwrap();
        let certificate = shown(Some(ca.certificate_pem().unwrap()))["certificate"].clone();
        assert!(certificate["serial"]["serial"].is_number(), "{certificate}");
        assert_eq!(
            certificate["serial"]["expiration"],
            "2027-01-01T00:00:00+0000"
        );
        assert_eq!(certificate["key"], Value::Null);
    }
}
