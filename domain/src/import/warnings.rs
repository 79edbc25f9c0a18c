//! What deserves a word in an import's record, and what of it changes the status.

use serde::{Deserialize, Serialize};

use super::ImportStatus;
use crate::ids::EntitlementId;

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

#[cfg(test)]
mod tests {
    use super::*;

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
