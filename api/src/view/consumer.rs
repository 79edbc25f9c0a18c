//! The upstream consumer as it goes out.

use portolan_domain::trust::TrustAnchors;
use portolan_storage::{ConsumerSnapshot, StoredConsumer};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::answer::recorded_ca;

/// `{id,label,manifest}` of a consumer's type.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsumerType {
    /// Its id upstream.
    pub id: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Whether it takes manifests.
    pub manifest: Option<bool>,
}

/// What an owner is to the upstream server.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamConsumer {
    /// Its uuid there.
    pub uuid: String,
    /// Its name there.
    pub name: Option<String>,
    /// Its type there.
    #[serde(rename = "type")]
    pub consumer_type: ConsumerType,
    /// Where people manage it, as the manifest has it.
    pub web_url: Option<String>,
    /// The upstream server, likewise.
    pub api_url: Option<String>,
    /// The id of its owner there.
    pub owner_id: Option<String>,
    /// `entitlement` or `org_environment`.
    pub content_access_mode: Option<String>,
}

/// An upstream consumer with where its content is and who verified it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamConsumerDetails {
    /// The consumer.
    #[serde(flatten)]
    pub consumer: UpstreamConsumer,
    /// The CDN's base URL.
    pub cdn_url: String,
    /// The CDN's label, where the owner's setting or the import names one.
    pub cdn_label: Option<String>,
    /// How its manifest was verified.
    pub verification: VerificationDetails,
    /// Its identity certificate, and when it came: Candlepin's shape alone shows them.
    #[serde(skip)]
    pub identity_cert: Option<String>,
    /// See above.
    #[serde(skip)]
    pub imported: Option<OffsetDateTime>,
}

/// How a manifest was verified, and what became of its CA.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerificationDetails {
    /// `VERIFIED` or `FORCED`.
    pub outcome: String,
    /// The signature's algorithm.
    pub algorithm: Option<String>,
    /// The CA's file name, as it was recorded.
    pub ca_filename: Option<String>,
    /// SHA-256 of the CA's certificate, in hexadecimal, as it was recorded.
    pub ca_sha256: Option<String>,
    /// `PRESENT`, `MISSING` or `NONE`, as of now.
    pub ca_status: &'static str,
}

impl From<ConsumerSnapshot> for UpstreamConsumer {
    fn from(consumer: ConsumerSnapshot) -> Self {
        Self {
            uuid: consumer.uuid,
            name: consumer.name,
            consumer_type: ConsumerType {
                id: consumer.type_id,
                label: consumer.type_label,
                manifest: consumer.type_manifest,
            },
            web_url: consumer.web_url,
            api_url: consumer.api_url,
            owner_id: consumer.owner_id,
            content_access_mode: consumer.content_access_mode,
        }
    }
}

impl UpstreamConsumerDetails {
    /// A stored consumer, with its CA's status of the moment.
    #[must_use]
    pub fn of(stored: StoredConsumer, anchors: &TrustAnchors) -> Self {
        let status = recorded_ca(stored.ca.as_ref(), anchors).status;
        Self {
            consumer: stored.consumer.into(),
            cdn_url: stored.cdn.url,
            cdn_label: stored.cdn.label,
            verification: VerificationDetails {
                outcome: stored.verification.outcome,
                algorithm: stored.verification.algorithm,
                ca_filename: stored.verification.ca_filename,
                ca_sha256: stored.verification.ca_sha256,
                ca_status: status,
            },
            identity_cert: stored.identity_cert,
            imported: stored.imported_at,
        }
    }
}
