//! What an owner is beside its entitlements: looked at before and after a dry run, and compared.

use std::collections::BTreeMap;

use portolan_domain::import::{ChangeKind, Changes, FieldValue, Fields};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::{
    changes::{text, time},
    record::Draft,
};
use crate::{
    entity::{cdns, owners, upstream_consumers},
    error::Result,
    resolve_cdn::{CdnAnswer, resolve_cdn},
};

/// One look at an owner.
pub(super) struct Picture {
    owner: owners::Model,
    consumer: Option<upstream_consumers::Model>,
    cdn: Option<CdnAnswer>,
    cdns: Vec<cdns::Model>,
}

impl Picture {
    /// Looks at the owner as it is in this transaction; not at all unless for a dry run.
    pub async fn of(
        connection: &impl ConnectionTrait,
        owner: i64,
        draft: &Draft,
    ) -> Result<Option<Box<Self>>> {
        if !draft.dry_run {
            return Ok(None);
        }
        let Some(owner) = owners::Entity::find_by_id(owner).one(connection).await? else {
            return Ok(None);
        };
        let consumer = upstream_consumers::Entity::find_by_id(owner.id);
        let consumer = consumer.one(connection).await?;
        let cdn = match &consumer {
            Some(consumer) => Some(resolve_cdn(connection, &owner, Some(consumer)).await?),
            None => None,
        };
        let cdns = cdns::Entity::find()
            .filter(cdns::Column::OwnerId.eq(owner.id))
            .all(connection)
            .await?;
        Ok(Some(Box::new(Self {
            owner,
            consumer,
            cdn,
            cdns,
        })))
    }

    /// What differs between two looks; nothing where there were none.
    pub fn changes(before: Option<&Self>, after: Option<&Self>) -> Changes {
        let both = before.zip(after);
        both.map_or_else(Changes::default, |(before, after)| before.until(after))
    }

    fn until(&self, later: &Self) -> Changes {
        let mut changes = Changes::default();
        let owner = self.owner.key.as_str();
        let uuid = later.name(self, |consumer| Some(&consumer.uuid));
        let ca = later.name(self, |consumer| consumer.ca_filename.as_ref());
        changes.compare(ChangeKind::Dates, owner, self.dates(), later.dates());
        let (before, after) = (self.consumer(), later.consumer());
        changes.compare(ChangeKind::UpstreamConsumer, uuid, before, after);
        changes.compare(ChangeKind::Ca, ca, self.ca(), later.ca());
        changes.compare(ChangeKind::Cdn, owner, self.content(), later.content());
        let mut before = self.manifest_cdns();
        for (label, after) in later.manifest_cdns() {
            let before = before.remove(label);
            changes.compare(ChangeKind::ManifestCdn, label, before, Some(after));
        }
        for (label, before) in before {
            changes.compare(ChangeKind::ManifestCdn, label, Some(before), None);
        }
        changes
    }

    /// What something of the consumer is called: as it would be, else as it was.
    fn name<'a>(
        &'a self,
        before: &'a Self,
        of: fn(&upstream_consumers::Model) -> Option<&String>,
    ) -> &'a str {
        let named = [self, before].into_iter();
        let mut named = named.filter_map(|picture| of(picture.consumer.as_ref()?));
        named.next().map_or("", String::as_str)
    }

    fn dates(&self) -> Option<Fields> {
        let made = self.owner.last_manifest_created_at?;
        Some(vec![("generatedDate", time(Some(made)))])
    }

    fn consumer(&self) -> Option<Fields> {
        let consumer = self.consumer.as_ref()?;
        let manifest = consumer.type_manifest.map(FieldValue::Flag);
        let mode = consumer.content_access_mode.as_deref();
        Some(vec![
            ("uuid", text(Some(&consumer.uuid))),
            ("name", text(consumer.name.as_deref())),
            ("typeId", text(consumer.type_id.as_deref())),
            ("typeLabel", text(consumer.type_label.as_deref())),
            ("typeManifest", manifest),
            ("ownerId", text(consumer.upstream_owner_id.as_deref())),
            ("contentAccessMode", text(mode)),
            ("webUrl", text(consumer.web_url.as_deref())),
            ("apiUrl", text(consumer.api_url.as_deref())),
            ("identitySerial", text(consumer.identity_serial.as_deref())),
            ("identityNotBefore", time(consumer.identity_not_before)),
            ("identityNotAfter", time(consumer.identity_not_after)),
        ])
    }

    fn ca(&self) -> Option<Fields> {
        let consumer = self.consumer.as_ref()?;
        Some(vec![
            ("filename", text(consumer.ca_filename.as_deref())),
            ("sha256", text(consumer.ca_sha256.as_deref())),
            ("algorithm", text(consumer.algorithm.as_deref())),
            ("outcome", text(Some(&consumer.outcome))),
        ])
    }

    fn content(&self) -> Option<Fields> {
        let cdn = self.cdn.as_ref()?;
        Some(vec![
            ("cdnUrl", text(Some(&cdn.url))),
            ("cdnLabel", text(cdn.label.as_deref())),
        ])
    }

    fn manifest_cdns(&self) -> BTreeMap<&str, Fields> {
        let fields = |cdn: &cdns::Model| {
            let name = text(cdn.name.as_deref());
            vec![("name", name), ("url", text(Some(&cdn.url)))]
        };
        let cdns = self.cdns.iter();
        cdns.map(|cdn| (cdn.label.as_str(), fields(cdn))).collect()
    }
}
