//! What an import decides and records: conflicts, where the CDN comes from, warnings, counts.

mod changes;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    cdn_url::CdnUrl,
    conflict::Conflict,
    ids::{CdnLabel, ConsumerUuid, EntitlementId},
    manifest::ManifestHeader,
};

pub use changes::{Change, ChangeAction, ChangeKind, Changes, FieldChange, FieldValue, Fields};

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

/// What deserves a word in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarningCode {
    /// The entitlement's end date has passed.
    EntitlementEnded,
    /// The entitlement has no certificate.
    EntitlementWithoutCertificate,
    /// The certificate's common name is not the entitlement's id.
    CertificateNameMismatch,
    /// The private key is not the certificate's.
    CertificateKeyMismatch,
    /// The JSON's serial number differs from the certificate's.
    SerialRounded,
    /// There is more than one certificate.
    SeveralCertificates,
    /// Nobody knows the CDN that the manifest names.
    CdnLabelUnknown,
    /// The consumer's identity certificate has ended.
    IdentityEnded,
    /// The consumer's identity certificate ends soon.
    IdentityEndsSoon,
    /// The CA that verified the manifest ends soon.
    CaEndsSoon,
    /// The entitlement's certificate ends soon.
    CertificateEndsSoon,
    /// More warnings than a record keeps.
    WarningsTruncated,
}

impl WarningCode {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EntitlementEnded => "entitlement-ended",
            Self::EntitlementWithoutCertificate => "entitlement-without-certificate",
            Self::CertificateNameMismatch => "certificate-name-mismatch",
            Self::CertificateKeyMismatch => "certificate-key-mismatch",
            Self::SerialRounded => "serial-rounded",
            Self::SeveralCertificates => "several-certificates",
            Self::CdnLabelUnknown => "cdn-label-unknown",
            Self::IdentityEnded => "identity-ended",
            Self::IdentityEndsSoon => "identity-ends-soon",
            Self::CaEndsSoon => "ca-ends-soon",
            Self::CertificateEndsSoon => "certificate-ends-soon",
            Self::WarningsTruncated => "warnings-truncated",
        }
    }

    /// Whether it changes the status, or is only a note.
    #[must_use]
    pub const fn changes_status(self) -> bool {
        matches!(
            self,
            Self::EntitlementEnded
                | Self::EntitlementWithoutCertificate
                | Self::CertificateNameMismatch
                | Self::CertificateKeyMismatch
        )
    }
}

/// One warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// What kind.
    pub code: WarningCode,
    /// Which entitlement, where it is of one.
    pub entitlement_id: Option<EntitlementId>,
    /// In words.
    pub detail: String,
}

impl Warning {
    /// A warning of this kind.
    #[must_use]
    pub fn of(code: WarningCode, entitlement_id: Option<EntitlementId>, detail: String) -> Self {
        Self {
            code,
            entitlement_id,
            detail,
        }
    }
}

/// The warnings of one import: the first thousand as they are, the rest as a number, so that a
/// record stays readable and small. Certificates that end soon come last, since in some manifests all
/// of them do, and must leave room for what is wrong today.
#[derive(Debug, Default)]
pub struct Warnings {
    kept: Vec<Warning>,
    ending: Vec<Warning>,
    dropped: usize,
    changes_status: bool,
}

impl Warnings {
    const MOST: usize = 1000;

    /// Adds one.
    pub fn push(&mut self, warning: Warning) {
        self.changes_status |= warning.code.changes_status();
        let list = match warning.code {
            WarningCode::CertificateEndsSoon => &mut self.ending,
            _ => &mut self.kept,
        };
        if list.len() < Self::MOST {
            list.push(warning);
        } else {
            self.dropped += 1;
        }
    }

    /// The status that an import with these warnings has, and the list.
    #[must_use]
    pub fn finish(mut self) -> (ImportStatus, Vec<Warning>) {
        self.kept.append(&mut self.ending);
        self.dropped += self.kept.len().saturating_sub(Self::MOST);
        self.kept.truncate(Self::MOST);
        if self.dropped > 0 {
            let detail = format!("{} more warnings are not listed", self.dropped);
            self.kept
                .push(Warning::of(WarningCode::WarningsTruncated, None, detail));
        }
        let status = if self.changes_status {
            ImportStatus::SuccessWithWarning
        } else {
            ImportStatus::Success
        };
        (status, self.kept)
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

    #[test]
    fn a_thousand_warnings_are_kept_and_the_rest_counted() {
        let mut warnings = Warnings::default();
        for _ in 0..1500 {
            warnings.push(Warning::of(
                WarningCode::EntitlementEnded,
                None,
                String::new(),
            ));
        }
        let (status, kept) = warnings.finish();
        assert_eq!(status, ImportStatus::SuccessWithWarning);
        assert_eq!(kept.len(), 1001);
        assert!(kept[1000].detail.starts_with("500 more"));
    }

    #[test]
    fn what_ends_soon_leaves_room_for_what_is_wrong() {
        let mut warnings = Warnings::default();
        let of = |code| Warning::of(code, None, String::new());
        for _ in 0..1500 {
            warnings.push(of(WarningCode::CertificateEndsSoon));
        }
        for _ in 0..10 {
            warnings.push(of(WarningCode::EntitlementEnded));
        }
        let (_, kept) = warnings.finish();
        assert_eq!(kept.len(), 1001);
        assert!(
            kept[..10]
                .iter()
                .all(|w| w.code == WarningCode::EntitlementEnded)
        );
        assert_eq!(kept[999].code, WarningCode::CertificateEndsSoon);
        assert!(kept[1000].detail.starts_with("510 more"));
    }

    #[test]
    fn a_note_does_not_change_the_status() {
        let mut warnings = Warnings::default();
        warnings.push(Warning::of(WarningCode::SerialRounded, None, String::new()));
        assert_eq!(warnings.finish().0, ImportStatus::Success);
    }
}
