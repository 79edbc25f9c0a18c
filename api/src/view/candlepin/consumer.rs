//! Candlepin's `UpstreamConsumerDTO`, `ImportUpstreamConsumerDTO` and `ConsumerTypeDTO`.

use serde::Serialize;
use time::OffsetDateTime;

use super::{Candlepin, certificate::Certificate, time::SecondsUtc};
use crate::view::{self, UpstreamConsumerDetails, VerificationDetails};

/// A consumer's type.
#[derive(Debug, Serialize)]
pub struct ConsumerType {
    created: Option<SecondsUtc>,
    updated: Option<SecondsUtc>,
    id: Option<String>,
    label: Option<String>,
    manifest: Option<bool>,
}

/// The consumer as an import brought it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportUpstreamConsumer {
    created: Option<SecondsUtc>,
    updated: Option<SecondsUtc>,
    /// Candlepin's own is a row's; here an owner has one consumer at most, with a uuid of its own.
    id: String,
    uuid: String,
    name: Option<String>,
    #[serde(rename = "type")]
    consumer_type: ConsumerType,
    owner_id: Option<String>,
    content_access_mode: Option<String>,
    api_url: Option<String>,
    web_url: Option<String>,
}

/// An owner's upstream consumer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamConsumer {
    #[serde(flatten)]
    consumer: ImportUpstreamConsumer,
    id_cert: Option<Certificate>,
    cdn_url: String,
    cdn_label: Option<String>,
    verification: VerificationDetails,
}

impl ImportUpstreamConsumer {
    /// The consumer that came at this instant.
    #[must_use]
    pub fn of(consumer: view::UpstreamConsumer, imported: Option<OffsetDateTime>) -> Self {
        let imported = imported.map(SecondsUtc);
        Self {
            created: imported,
            updated: imported,
            id: consumer.uuid.clone(),
            uuid: consumer.uuid,
            name: consumer.name,
            consumer_type: ConsumerType {
                created: None,
                updated: None,
                id: consumer.consumer_type.id,
                label: consumer.consumer_type.label,
                manifest: consumer.consumer_type.manifest,
            },
            owner_id: consumer.owner_id,
            content_access_mode: consumer.content_access_mode,
            api_url: consumer.api_url,
            web_url: consumer.web_url,
        }
    }
}

impl UpstreamConsumer {
    /// Its content access mode.
    pub(super) fn content_access_mode(&self) -> Option<&str> {
        self.consumer.content_access_mode.as_deref()
    }
}

impl Candlepin for UpstreamConsumerDetails {
    type Shape = UpstreamConsumer;

    fn candlepin(self) -> UpstreamConsumer {
        let identity = self.identity_cert.as_deref();
        UpstreamConsumer {
            id_cert: identity.and_then(|pem| Certificate::of(pem, self.imported)),
            consumer: ImportUpstreamConsumer::of(self.consumer, self.imported),
            cdn_url: self.cdn_url,
            cdn_label: self.cdn_label,
            verification: self.verification,
        }
    }
}
