//! What an import decides and records: conflicts, where the CDN comes from, warnings, counts.

mod changes;
mod warnings;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    cdn_url::CdnUrl,
    conflict::Conflict,
    ids::{CdnLabel, ConsumerUuid},
    manifest::ManifestHeader,
};

pub use changes::{Change, ChangeAction, ChangeKind, Changes, FieldChange, FieldValue, Fields};
pub use warnings::{Warning, WarningCode, Warnings};

/// How an import ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportStatus {
    /// All is stored and well.
    Success,
    /// All is stored; some entitlements will not serve their clients.
    SuccessWithWarning,
    /// Nothing is stored.
    Failure,
    /// What an import had stored was taken away again.
    Delete,
}

impl ImportStatus {
    /// The name on the wire, Candlepin's.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::SuccessWithWarning => "SUCCESS_WITH_WARNING",
            Self::Failure => "FAILURE",
            Self::Delete => "DELETE",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Success,
            Self::SuccessWithWarning,
            Self::Failure,
            Self::Delete,
        ]
        .into_iter()
        .find(|status| status.as_str() == name)
    }
}

/// What an import changed. Entitlements, unless named otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// New ones.
    pub added: u64,
    /// Changed ones.
    pub updated: u64,
    /// Those that are gone.
    pub removed: u64,
    /// Those that were not touched.
    pub unchanged: u64,
    /// Downstream entitlements whose pool is gone.
    pub downstream_removed: u64,
}

/// What the conflict check needs to know of an owner's past.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastImport {
    /// `meta.created` of the last import that was stored.
    pub created: Option<OffsetDateTime>,
    /// The upstream consumer it brought.
    pub consumer: Option<ConsumerUuid>,
}

/// All conflicts between a manifest and what the owner has, in the order of [`Conflict::ALL`].
/// Dates are compared by whole seconds.
#[must_use]
pub fn conflicts(header: &ManifestHeader, last: &LastImport) -> Vec<Conflict> {
    let mut found = Vec::new();
    if let Some(last) = last.created {
        match header.created.unix_timestamp().cmp(&last.unix_timestamp()) {
            std::cmp::Ordering::Less => found.push(Conflict::ManifestOld),
            std::cmp::Ordering::Equal => found.push(Conflict::ManifestSame),
            std::cmp::Ordering::Greater => {}
        }
    }
    if last
        .consumer
        .as_ref()
        .is_some_and(|uuid| *uuid != header.consumer.uuid)
    {
        found.push(Conflict::DistributorConflict);
    }
    found
}

/// Where an owner's content comes from, as an import leaves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CdnChoice {
    /// A URL that was given: the import's parameter, or `meta.cdnUrl`.
    pub url: Option<CdnUrl>,
    /// A label that was given. Without a URL it is followed: its CDN is looked up when asked.
    pub label: Option<CdnLabel>,
}

impl CdnChoice {
    /// Chooses between the import's parameter and what the manifest says.
    #[must_use]
    pub fn of(parameter: Option<CdnUrl>, header: &ManifestHeader) -> Self {
        Self {
            url: parameter.or_else(|| header.cdn_url.clone()),
            label: header.cdn_label.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::manifest::{ConsumerType, UpstreamConsumer};

    fn header(created: OffsetDateTime, uuid: &str) -> ManifestHeader {
        ManifestHeader {
            created,
            generated_by: None,
            cdn_url: None,
            cdn_label: None,
            consumer: UpstreamConsumer {
                uuid: uuid.parse().unwrap(),
                name: None,
                consumer_type: ConsumerType::default(),
                owner_id: None,
                content_access_mode: None,
                web_url: None,
                api_url: None,
                identity: None,
            },
            cdns: Vec::new(),
        }
    }

    #[test]
    fn dates_are_compared_by_whole_seconds() {
        let last = LastImport {
            created: Some(datetime!(2026-03-01 00:00:00.900 UTC)),
            consumer: Some("a".parse().unwrap()),
        };
        let found = |created, uuid| conflicts(&header(created, uuid), &last);
        let same = datetime!(2026-03-01 00:00:00.100 UTC);
        assert_eq!(found(same, "a"), [Conflict::ManifestSame]);
        let old = datetime!(2026-02-28 23:59:59.999 UTC);
        assert_eq!(
            found(old, "b"),
            [Conflict::ManifestOld, Conflict::DistributorConflict]
        );
        assert_eq!(found(datetime!(2026-03-01 00:00:01 UTC), "a"), []);
    }

    #[test]
    fn an_owner_without_a_past_has_no_conflicts() {
        let new = header(datetime!(2017-01-01 00:00 UTC), "a");
        assert_eq!(conflicts(&new, &LastImport::default()), []);
    }
}
