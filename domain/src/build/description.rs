//! What a manifest to be made shall hold: a few lines of TOML or JSON.

use serde::Deserialize;
use time::OffsetDateTime;

use crate::digest::Sha256Digest;

/// A manifest in a few lines. Everything has a default; ids that are left out are made from `seed`,
/// the same at every run.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Description {
    /// What ids that are left out are made from.
    pub seed: String,
    /// `created` of `meta.json` (RFC 3339); else the instant of making it.
    #[serde(with = "time::serde::rfc3339::option")]
    pub created: Option<OffsetDateTime>,
    /// `uuid` of the consumer.
    pub consumer_uuid: Option<String>,
    /// `name` of the consumer.
    pub consumer_name: String,
    /// `contentAccessMode`: `entitlement` or `org_environment`.
    pub content_access_mode: String,
    /// `cdnUrl` of `meta.json`.
    pub cdn_url: Option<String>,
    /// `cdnLabel` of `meta.json`.
    pub cdn_label: Option<String>,
    /// The CDNs in the manifest.
    pub cdns: Vec<CdnDescription>,
    /// The entitlements, each by itself.
    pub entitlements: Vec<EntitlementDescription>,
    /// This many more entitlements, all alike.
    pub generate: u32,
    /// The first number of the generated ones: a second manifest can overlap the first in part.
    pub generate_from: u32,
    /// Whether every entitlement gets a key of its own: slow, so one key serves all by default.
    pub own_keys: bool,
    /// Bytes of entitlement data in each certificate text, as in version 3 certificates.
    pub entitlement_data_bytes: usize,
}

/// A CDN in a manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CdnDescription {
    /// `label`.
    pub label: String,
    /// `name`.
    #[serde(default)]
    pub name: Option<String>,
    /// `url`.
    pub url: String,
}

/// One entitlement.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EntitlementDescription {
    /// `id`.
    pub id: Option<String>,
    /// `pool.id`.
    pub pool_id: Option<String>,
    /// `pool.productId`.
    pub product_id: Option<String>,
    /// `quantity`.
    pub quantity: u32,
    /// `startDate` (RFC 3339); else a day before the manifest was made.
    #[serde(with = "time::serde::rfc3339::option")]
    pub starts_at: Option<OffsetDateTime>,
    /// `endDate` (RFC 3339); else a year after.
    #[serde(with = "time::serde::rfc3339::option")]
    pub ends_at: Option<OffsetDateTime>,
    /// Whether it has a certificate.
    pub certificate: bool,
    /// The certificate's common name; else the id.
    pub common_name: Option<String>,
}

impl Default for Description {
    fn default() -> Self {
        Self {
            seed: "portolan".to_owned(),
            created: None,
            consumer_uuid: None,
            consumer_name: "demo-distributor".to_owned(),
            content_access_mode: "entitlement".to_owned(),
            cdn_url: None,
            cdn_label: None,
            cdns: Vec::new(),
            entitlements: Vec::new(),
            generate: 0,
            generate_from: 0,
            own_keys: false,
            entitlement_data_bytes: 1200,
        }
    }
}

impl Default for EntitlementDescription {
    fn default() -> Self {
        Self {
            id: None,
            pool_id: None,
            product_id: None,
            quantity: 1,
            starts_at: None,
            ends_at: None,
            certificate: true,
            common_name: None,
        }
    }
}

impl Description {
    /// A 32-digit id of this kind and number, as Candlepin's database makes them.
    pub(super) fn id(&self, kind: &str, number: u32) -> String {
        let digest = Sha256Digest::of(format!("{} {kind} {number}", self.seed).as_bytes());
        digest.to_string()[..32].to_owned()
    }

    /// The consumer's uuid.
    pub(super) fn uuid(&self) -> String {
        self.consumer_uuid.clone().unwrap_or_else(|| {
            let id = self.id("consumer", 0);
            let parts = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]];
            parts.join("-")
        })
    }

    /// All entitlements, each with the number that its ids are made from.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (u32, EntitlementDescription)> {
        let listed = self.entitlements.clone().into_iter().enumerate();
        let listed = listed.map(|(at, one)| (u32::try_from(at).unwrap_or(u32::MAX), one));
        // Generated ones start well behind the listed ones, so that neither moves the other's ids.
        let first = 1_000_000 + self.generate_from;
        let generated =
            (first..first + self.generate).map(|n| (n, EntitlementDescription::default()));
        listed.chain(generated)
    }
}
