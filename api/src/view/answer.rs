//! `cdn_info`: where content is, with which CA and which certificate.

use std::sync::{Arc, OnceLock};

use axum::{body::Bytes, http::HeaderValue};
use portolan_domain::{
    digest::Sha256Digest,
    ids::EntitlementId,
    secret::PrivateKeyPem,
    trust::{CaStatus, Certificate, TrustAnchors},
};
use portolan_storage::{CdnAnswer, EntitlementAnswer, RecordedCa, StoredCertificate};
use serde::Serialize;
use time::OffsetDateTime;
use url::Url;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::times::Timestamp;
use crate::{cache::Finished, signed_urls::OwnerSigner};

/// What an edge reads in headers.
#[derive(Debug)]
pub struct EdgeFacts {
    /// The CDN's base URL.
    pub cdn_url: String,
    /// The CA to trust there.
    pub ca_sha256: Option<String>,
    /// Where in the text of certificate and key the key begins.
    pub key_at: usize,
    /// Where the certificate ends there: a newline may be between the two.
    certificate_end: usize,
    /// See [`EdgeFacts::cdn_host`].
    cdn_host: OnceLock<Option<String>>,
    /// See [`EdgeFacts::credential_id`].
    credential_id: OnceLock<String>,
}

impl EdgeFacts {
    fn of(found: &EntitlementAnswer, ca_sha256: Option<String>) -> Self {
        let certificate = found.certificate.as_ref();
        Self {
            cdn_url: found.owner.cdn.url.clone(),
            ca_sha256,
            key_at: certificate.map_or(0, |own| own.cert.len() + newline(own).len()),
            certificate_end: certificate.map_or(0, |own| own.cert.len()),
            cdn_host: OnceLock::new(),
            credential_id: OnceLock::new(),
        }
    }

    /// The CDN's host, without a port.
    #[must_use]
    pub fn cdn_host(&self) -> Option<&str> {
        let read = || Some(Url::parse(&self.cdn_url).ok()?.host_str()?.to_owned());
        self.cdn_host.get_or_init(read).as_deref()
    }

    /// SHA-256 of the certificate to show there, which is in this text. It is read once somebody wants to know:
    /// that takes longer than all the rest of an answer.
    #[must_use]
    pub fn credential_id(&self, text: &[u8]) -> &str {
        self.credential_id.get_or_init(|| {
            let certificate = text.get(..self.certificate_end).unwrap_or(text);
            let read = Certificate::from_pem(certificate).map(|own| own.sha256());
            let digest = read.unwrap_or_else(|_| Sha256Digest::of(certificate));
            digest.to_string()
        })
    }
}

/// Everything about one entitlement that a content proxy needs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CdnInfo<'a> {
    /// The entitlement that was asked for; null where the owner was.
    pub entitlement_id: Option<&'a str>,
    /// Its owner.
    pub owner_key: &'a str,
    /// The upstream pool that it comes from; null where the owner has no entitlement.
    pub pool_id: Option<&'a str>,
    /// The upstream entitlement behind it; likewise.
    pub upstream_entitlement_id: Option<&'a str>,
    /// The owner's upstream consumer.
    pub upstream_consumer_uuid: &'a str,
    /// The CDN's base URL.
    pub cdn_url: &'a str,
    /// The CDN's label, where the owner's setting or the import names one.
    pub cdn_label: Option<&'a str>,
    /// The CA to trust for that CDN.
    pub ca_certificate: CaCertificate,
    /// The certificate to show to that CDN; null where the manifest had none.
    pub upstream_certificate: Option<UpstreamCertificate<'a>>,
    /// The URL of the path that was asked for, signed; null where the CDN signs none for this owner and
    /// path. It is there with `?path=` alone, and written behind the answer that memory has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_url: Option<String>,
    /// When that URL ends; likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_url_expires: Option<Timestamp>,
}

/// What an answer to `?path=` has behind the one that memory has.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedPath {
    /// The URL; null where the CDN signs none for this owner and path.
    pub signed_url: Option<String>,
    /// When it ends; likewise.
    pub signed_url_expires: Option<Timestamp>,
}

/// The CA that verified the manifest, as it is today, or the CDN's own.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaCertificate {
    /// `PRESENT`; `MISSING` where an operator took it away; `NONE` where the manifest was forced in.
    pub status: &'static str,
    /// `MANIFEST`: it verified the manifest. `CDN`: the operator set it for the CDN.
    pub source: &'static str,
    /// Its file name.
    pub filename: Option<String>,
    /// SHA-256 of the certificate, in hexadecimal.
    pub sha256: Option<String>,
    /// The certificate, where it is present.
    pub pem: Option<String>,
}

/// A certificate with its key, byte for byte as the manifest had them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamCertificate<'a> {
    /// The serial number in decimal: it does not fit a JavaScript number.
    pub serial: &'a str,
    /// The first valid instant.
    #[schema(value_type = Timestamp)]
    pub not_before: Timestamp,
    /// The last valid instant.
    #[schema(value_type = Timestamp)]
    pub not_after: Timestamp,
    /// Whether it has ended.
    pub expired: bool,
    /// The certificate text, all its blocks.
    pub cert: &'a str,
    /// The private key.
    pub key: Option<&'a str>,
}

/// The key is not for logs.
impl std::fmt::Debug for UpstreamCertificate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamCertificate")
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

impl<'a> UpstreamCertificate<'a> {
    fn of(certificate: &'a StoredCertificate, now: OffsetDateTime) -> Self {
        Self {
            serial: &certificate.serial,
            not_before: Timestamp(certificate.not_before),
            not_after: Timestamp(certificate.not_after),
            expired: certificate.not_after < now,
            cert: &certificate.cert,
            key: certificate.key.as_ref().map(PrivateKeyPem::expose),
        }
    }

    /// How many bytes it has in JSON, at most: a line's end takes two there.
    fn json_bytes(&self) -> usize {
        2 * (self.cert.len() + self.key.map_or(0, str::len))
    }
}

/// Certificate blocks, then the key. A newline goes between them only where there is none.
#[must_use]
pub fn certificate_text(certificate: &StoredCertificate) -> Bytes {
    let newline = newline(certificate);
    let key = certificate.key.as_ref().map_or("", PrivateKeyPem::expose);
    wiped(|text| {
        text.reserve_exact(certificate.cert.len() + newline.len() + key.len());
        for part in [&certificate.cert, newline, key] {
            text.extend_from_slice(part.as_bytes());
        }
    })
}

/// What goes between a certificate and its key.
fn newline(certificate: &StoredCertificate) -> &'static str {
    let key = certificate.key.as_ref().map_or("", PrivateKeyPem::expose);
    let is_needed = !key.is_empty() && !certificate.cert.ends_with('\n');
    if is_needed { "\n" } else { "" }
}

/// Shared bytes with a private key in them, wiped when the last one who has them is done. What writes
/// them reserves enough at first: a buffer that grows leaves its content behind.
fn wiped(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut bytes = Zeroizing::new(Vec::new());
    write(&mut bytes);
    Bytes::from_owner(bytes)
}

/// An answer with a signed URL in it: the same bytes, and two fields more at their end.
#[must_use]
pub fn with_signed_path(json: &[u8], signed: &SignedPath) -> Bytes {
    wiped(|text| {
        // `{…}` and `{…}` become one object.
        let url = signed.signed_url.as_ref().map_or(0, String::len);
        text.reserve_exact(json.len() + 2 * url + 256);
        text.extend_from_slice(json.strip_suffix(b"}").unwrap_or(json));
        let start = text.len();
        // Nothing of it fails to be JSON, and a vector takes every byte.
        let _ = serde_json::to_writer(&mut *text, signed);
        if let Some(brace) = text.get_mut(start) {
            *brace = b',';
        }
    })
}

/// Where the recorded CA is today. It is looked up by the certificate, else by its public key; a
/// CDN's own certificate counts over it.
#[must_use]
pub fn ca_certificate(
    ca: Option<&RecordedCa>,
    cdn: &CdnAnswer,
    anchors: &TrustAnchors,
) -> CaCertificate {
    if let Some(pem) = &cdn.certificate {
        let sha256 = Certificate::from_pem(pem.as_bytes()).map(|own| own.sha256().to_string());
        return CaCertificate {
            status: "PRESENT",
            source: "CDN",
            filename: None,
            sha256: sha256.ok(),
            pem: Some(pem.clone()),
        };
    }
    recorded_ca(ca, anchors)
}

/// Where the CA that verified a manifest is today.
#[must_use]
pub fn recorded_ca(ca: Option<&RecordedCa>, anchors: &TrustAnchors) -> CaCertificate {
    let manifest = |status, filename, sha256: Option<Sha256Digest>, pem| CaCertificate {
        status,
        source: "MANIFEST",
        filename,
        sha256: sha256.map(|digest| digest.to_string()),
        pem,
    };
    let Some(ca) = ca else {
        return manifest("NONE", None, None, None);
    };
    match anchors.status(&ca.filename, ca.sha256, ca.spki_sha256) {
        CaStatus::Present(anchor) => manifest(
            "PRESENT",
            Some(anchor.filename.to_string()),
            Some(anchor.certificate.sha256()),
            anchor.certificate.to_pem().ok(),
        ),
        CaStatus::Missing => manifest("MISSING", Some(ca.filename.clone()), Some(ca.sha256), None),
    }
}

/// A strong entity tag (RFC 9110, 8.8.3) of hexadecimal digits.
fn etag(digits: &str) -> HeaderValue {
    // Digits and quotes are what a header may hold.
    HeaderValue::from_str(&format!("\"{digits}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Writes an answer once, for all who ask.
#[must_use]
pub fn finish_answer(
    found: Arc<EntitlementAnswer>,
    signer: Option<Arc<OwnerSigner>>,
    anchors: &TrustAnchors,
    now: OffsetDateTime,
) -> Finished {
    let (owner, certificate) = (&found.owner, found.certificate.as_ref());
    let info = CdnInfo {
        entitlement_id: found.id.as_ref().map(EntitlementId::as_str),
        owner_key: owner.key.as_str(),
        pool_id: found.pool_id.as_deref(),
        upstream_entitlement_id: found.upstream_id.as_deref(),
        upstream_consumer_uuid: &owner.consumer_uuid,
        ca_certificate: ca_certificate(owner.ca.as_ref(), &owner.cdn, anchors),
        cdn_url: &owner.cdn.url,
        cdn_label: owner.cdn.label.as_deref(),
        upstream_certificate: certificate.map(|c| UpstreamCertificate::of(c, now)),
        signed_url: None,
        signed_url_expires: None,
    };
    let json = wiped(|json| {
        let certificate = info.upstream_certificate.as_ref();
        let ca = info.ca_certificate.pem.as_ref().map_or(0, String::len);
        json.reserve_exact(4096 + 2 * ca + certificate.map_or(0, UpstreamCertificate::json_bytes));
        // Nothing of it fails to be JSON, and a vector takes every byte.
        let _ = serde_json::to_writer(json, &info);
    });
    let digest = Sha256Digest::of(&json).to_string();
    Finished {
        edge: EdgeFacts::of(&found, info.ca_certificate.sha256),
        etag: etag(&digest[..32]),
        json,
        text: OnceLock::new(),
        signer,
        found,
    }
}
