//! The small files of a manifest: `meta.json`, `consumer.json`, its identity, its CDNs.

use serde::Deserialize;
use time::OffsetDateTime;

use super::{
    certificates::{CertificateJson, IssuedCertificate},
    json::or_default,
    lenient::{Counts, Lenient},
    times::ManifestTime,
};
use crate::{
    cdn_url::{CdnUrl, HttpCdn},
    ids::{CdnLabel, ConsumerUuid},
};

/// All that a manifest says of itself and of its consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestHeader {
    /// `created` of `meta.json`.
    pub created: OffsetDateTime,
    /// `principalName`.
    pub generated_by: Option<String>,
    /// `cdnUrl`.
    pub cdn_url: Option<CdnUrl>,
    /// `cdnLabel`.
    pub cdn_label: Option<CdnLabel>,
    /// `consumer.json`.
    pub consumer: UpstreamConsumer,
    /// `content_delivery_network/`.
    pub cdns: Vec<ManifestCdn>,
}

/// The upstream consumer: what this owner is to the upstream server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamConsumer {
    /// `uuid`.
    pub uuid: ConsumerUuid,
    /// `name`.
    pub name: Option<String>,
    /// `type`.
    pub consumer_type: ConsumerType,
    /// `owner.id`, the upstream server's own.
    pub owner_id: Option<String>,
    /// `contentAccessMode`.
    pub content_access_mode: Option<String>,
    /// `urlWeb`, kept as it came: it may lack the scheme.
    pub web_url: Option<String>,
    /// `urlApi`, likewise.
    pub api_url: Option<String>,
    /// The identity certificate, `upstream_consumer/<serial>.json`.
    pub identity: Option<IssuedCertificate>,
}

/// `{id,label,manifest}`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsumerType {
    /// `id`.
    pub id: Option<String>,
    /// `label`.
    pub label: Option<String>,
    /// `manifest`.
    pub manifest: Option<bool>,
}

#[derive(Deserialize, Default)]
struct ConsumerTypeJson {
    #[serde(default, deserialize_with = "or_default")]
    id: Lenient,
    #[serde(default, deserialize_with = "or_default")]
    label: Lenient,
    #[serde(default, deserialize_with = "or_default")]
    manifest: Lenient,
}

/// A CDN that a manifest brings; a certificate in it is never taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestCdn {
    /// `label`.
    pub label: CdnLabel,
    /// `name`.
    pub name: Option<String>,
    /// `url`.
    pub url: CdnUrl,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetaJson {
    created: Option<ManifestTime>,
    #[serde(default)]
    principal_name: Option<String>,
    #[serde(default)]
    cdn_label: Option<String>,
    #[serde(default)]
    cdn_url: Option<String>,
}

pub(super) struct Meta {
    pub created: OffsetDateTime,
    pub generated_by: Option<String>,
    pub cdn_url: Option<CdnUrl>,
    pub cdn_label: Option<CdnLabel>,
}

impl MetaJson {
    pub fn check(self, http: HttpCdn) -> Result<Meta, String> {
        let url = |text: String| {
            CdnUrl::parse(&text, http).map_err(|why| format!("the field cdnUrl {why}"))
        };
        let label = |text: String| {
            CdnLabel::try_from(text).map_err(|why| format!("the field cdnLabel: {why}"))
        };
        Ok(Meta {
            created: self.created.ok_or("the field created is missing")?.0,
            generated_by: self.principal_name,
            cdn_url: not_blank(self.cdn_url).map(url).transpose()?,
            cdn_label: not_blank(self.cdn_label).map(label).transpose()?,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConsumerJson {
    uuid: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "or_default")]
    consumer_type: ConsumerTypeJson,
    #[serde(default, deserialize_with = "or_default")]
    owner: OwnerJson,
    #[serde(default)]
    content_access_mode: Option<String>,
    #[serde(default)]
    url_web: Option<String>,
    #[serde(default)]
    url_api: Option<String>,
}

#[derive(Deserialize, Default)]
struct OwnerJson {
    #[serde(default, deserialize_with = "or_default")]
    id: Lenient,
}

impl ConsumerJson {
    pub fn check(self) -> Result<UpstreamConsumer, String> {
        let uuid = self.uuid.ok_or("the field uuid is missing")?;
        Ok(UpstreamConsumer {
            uuid: uuid
                .try_into()
                .map_err(|why| format!("the field uuid: {why}"))?,
            name: self.name,
            consumer_type: ConsumerType {
                id: self.consumer_type.id.0,
                label: self.consumer_type.label.0,
                manifest: self.consumer_type.manifest.truth(),
            },
            owner_id: self.owner.id.0,
            content_access_mode: self.content_access_mode,
            web_url: self.url_web,
            api_url: self.url_api,
            identity: None,
        })
    }
}

#[derive(Deserialize)]
pub(super) struct CdnJson {
    label: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    url: Option<String>,
}

impl CdnJson {
    /// A CDN without a URL leads nowhere: it is skipped, as anything unknown is.
    pub fn check(self, http: HttpCdn) -> Result<Option<ManifestCdn>, String> {
        let label = self.label.ok_or("the field label is missing")?;
        let label = label
            .try_into()
            .map_err(|why| format!("the field label: {why}"))?;
        let Some(url) = not_blank(self.url) else {
            return Ok(None);
        };
        let url = CdnUrl::parse(&url, http).map_err(|why| format!("the field url {why}"))?;
        let name = self.name;
        if name.as_ref().is_some_and(|name| name.len() > 1024) {
            return Err("the field name is over 1024 bytes long".to_owned());
        }
        Ok(Some(ManifestCdn { label, name, url }))
    }
}

/// The identity certificate; an entry with nothing in it is none.
pub(super) fn identity(json: CertificateJson) -> Result<Option<IssuedCertificate>, String> {
    if !json.counts() {
        return Ok(None);
    }
    let (identity, _) = json
        .read()
        .map_err(|why| format!("the identity certificate {why}"))?;
    Ok(Some(identity))
}

fn not_blank(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}
