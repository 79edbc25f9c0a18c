//! `meta.json`, `consumer.json` and the CDN that the export names.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::{
    build::candlepin_time,
    digest::Sha256Digest,
    ids::{CdnLabel, ConsumerUuid, OwnerKey},
    manifest::{ConsumerType, ManifestCdn},
};

/// What an export says of itself and of the consumer that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportHeader {
    /// `created` of `meta.json`.
    pub created: OffsetDateTime,
    /// `principalName`: who asked for it.
    pub principal: String,
    /// `cdnUrl`.
    pub cdn_url: Option<String>,
    /// `cdnLabel`.
    pub cdn_label: Option<CdnLabel>,
    /// The CDN of that label, where it is known here. Its certificate is never told.
    pub cdn: Option<ManifestCdn>,
    /// `uuid` of `consumer.json`.
    pub uuid: ConsumerUuid,
    /// `name`.
    pub name: String,
    /// `owner`.
    pub owner: ExportedOwner,
    /// `type`, as it was imported.
    pub consumer_type: ConsumerType,
    /// `contentAccessMode`, as it was imported.
    pub content_access_mode: Option<String>,
}

/// The owner whose content is exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedOwner {
    /// Its number, as text.
    pub id: String,
    /// Its key.
    pub key: OwnerKey,
    /// Its name for people.
    pub display_name: String,
}

impl ExportHeader {
    /// The files, each with its path.
    pub(super) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = vec![
            file("export/meta.json", &self.meta()),
            file("export/consumer.json", &self.consumer()),
        ];
        files.extend(self.cdn.as_ref().map(cdn_file));
        files
    }

    fn meta(&self) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"), "created": candlepin_time(self.created),
            "principalName": self.principal, "webAppPrefix": null,
            "cdnLabel": self.cdn_label, "cdnUrl": self.cdn_url,
        })
    }

    fn consumer(&self) -> Value {
        let kind = &self.consumer_type;
        json!({
            "uuid": self.uuid, "name": self.name,
            "owner": { "id": self.owner.id, "key": self.owner.key,
                       "displayName": self.owner.display_name },
            "type": { "id": kind.id, "label": kind.label, "manifest": kind.manifest },
            "contentAccessMode": self.content_access_mode, "urlWeb": null, "urlApi": null,
        })
    }
}

fn cdn_file(cdn: &ManifestCdn) -> (String, Vec<u8>) {
    let digest = Sha256Digest::of(cdn.label.as_str().as_bytes()).to_string();
    let id = &digest[..32];
    // A label is any text; a path of the archive is not.
    let label = cdn.label.as_str();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let name = if label.bytes().all(plain) { label } else { id };
    let content = json!({ "id": id, "label": cdn.label, "name": cdn.name,
                          "url": cdn.url.as_given() });
    let path = format!("export/content_delivery_network/{name}.json");
    file(&path, &content)
}

fn file(path: &str, content: &Value) -> (String, Vec<u8>) {
    (path.to_owned(), content.to_string().into_bytes())
}
