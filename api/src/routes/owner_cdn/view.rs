//! Where an owner's content is, and why, as it goes out.

use portolan_storage::CdnSource;
use serde::Serialize;
use utoipa::ToSchema;

/// Where an owner's content is now, and who says so.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnerCdn {
    /// The CDN's base URL, as `cdn_info` answers it.
    pub cdn_url: String,
    /// The CDN's label, where one was named. Where nobody has a CDN of it, the URL is the default.
    pub cdn_label: Option<String>,
    /// `OWNER`: the owner's own setting. `IMPORT`: its last import. `DEFAULT`: nobody.
    pub source: &'static str,
    /// The CDNs that the owner's manifest brought.
    pub manifest_cdns: Vec<ManifestCdn>,
}

/// A CDN that came with a manifest.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManifestCdn {
    /// Its label.
    pub label: String,
    /// Its name for people.
    pub name: Option<String>,
    /// Its base URL.
    pub url: String,
}

impl From<portolan_storage::OwnerCdn> for OwnerCdn {
    fn from(owner: portolan_storage::OwnerCdn) -> Self {
        let brought = owner.manifest_cdns.into_iter().map(|cdn| ManifestCdn {
            label: cdn.label,
            name: cdn.name,
            url: cdn.url,
        });
        Self {
            cdn_url: owner.cdn.url,
            cdn_label: owner.cdn.label,
            source: match owner.source {
                CdnSource::Owner => "OWNER",
                CdnSource::Import => "IMPORT",
                CdnSource::Default => "DEFAULT",
            },
            manifest_cdns: brought.collect(),
        }
    }
}
