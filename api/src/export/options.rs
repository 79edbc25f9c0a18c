//! What the caller of an export asks for.

use std::collections::BTreeSet;

use portolan_domain::{
    cdn_url::CdnUrl,
    export::{ExportHeader, ExportedOwner},
    ids::{CdnLabel, ConsumerUuid, EntitlementId},
    manifest::{ConsumerType, ManifestCdn},
    trust::SignatureAlgorithm,
};
use portolan_storage::{Actor, ExportSource};
use serde::Deserialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

/// How an export is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ExportScheme {
    /// RSA with SHA-256, no scheme.json: what every importer reads
    #[default]
    Legacy,
    /// RSA with SHA-256, with scheme.json
    Rsa,
    /// ML-DSA-65, which no quantum computer breaks
    Mldsa,
}

impl ExportScheme {
    /// The algorithm of the signing CA.
    #[must_use]
    pub fn algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::Legacy | Self::Rsa => SignatureAlgorithm::Sha256WithRsa,
            Self::Mldsa => SignatureAlgorithm::MlDsa65,
        }
    }
}

/// What the caller of an export asks for.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// `meta.cdnUrl`. With neither this nor a label, where the owner's content is now.
    pub cdn_url: Option<CdnUrl>,
    /// `meta.cdnLabel`.
    pub cdn_label: Option<CdnLabel>,
    /// The exported consumer's name, else the owner's.
    pub name: Option<String>,
    /// The entitlements to export; none for all.
    pub only: Option<BTreeSet<EntitlementId>>,
    /// How it is signed.
    pub scheme: ExportScheme,
    /// Who asks.
    pub by: Actor,
}

impl ExportOptions {
    /// The header of an export of this source.
    pub(super) fn header(
        &self,
        source: ExportSource,
        cdn: Option<ManifestCdn>,
        uuid: ConsumerUuid,
        created: OffsetDateTime,
    ) -> ExportHeader {
        let given = self.cdn_url.as_ref().map(|url| url.as_given().to_owned());
        let effective = self.cdn_label.is_none().then_some(source.cdn_url);
        let (owner, consumer) = (source.owner, source.consumer);
        ExportHeader {
            created,
            principal: self.by.name.clone(),
            cdn_url: given.or(effective),
            cdn_label: self.cdn_label.clone(),
            cdn,
            uuid,
            name: self.name.clone().unwrap_or(owner.display_name.clone()),
            owner: ExportedOwner {
                id: owner.id.to_string(),
                key: owner.key,
                display_name: owner.display_name,
            },
            consumer_type: ConsumerType {
                id: consumer.type_id,
                label: consumer.type_label,
                manifest: consumer.type_manifest,
            },
            content_access_mode: consumer.content_access_mode,
        }
    }
}
