//! The import record as it goes out.

use portolan_storage::VerificationSnapshot;
use serde::Serialize;
use utoipa::ToSchema;

use super::{change::Change, consumer::UpstreamConsumer, times::Timestamp};

/// What an import did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportRecord {
    /// Its number.
    pub id: String,
    /// `SUCCESS`, `SUCCESS_WITH_WARNING`, `FAILURE` or `DELETE`.
    pub status: &'static str,
    /// The same in words.
    pub status_message: String,
    /// Whether the upload was what is here already, so that nothing was done.
    pub unchanged: bool,
    /// Whether nothing was stored because that was asked for.
    pub dry_run: bool,
    /// The uploaded file's name.
    pub file_name: Option<String>,
    /// SHA-256 of the upload, in hexadecimal.
    pub sha256: Option<String>,
    /// Bytes of the upload.
    pub size: u64,
    /// Who uploaded it, or undid it.
    pub uploaded_by: String,
    /// Who made the manifest.
    pub generated_by: Option<String>,
    /// When the manifest was made.
    pub generated_date: Option<Timestamp>,
    /// When it was imported.
    pub created: Timestamp,
    /// Conflicts that stood against it and were forced.
    pub forced_conflicts: Vec<&'static str>,
    /// The upstream consumer; null where it did not come that far.
    pub upstream_consumer: Option<UpstreamConsumer>,
    /// How it was verified; null where it did not come that far.
    pub verification: Option<Verification>,
    /// What it changed.
    pub counts: Counts,
    /// What to look at.
    pub warnings: Vec<Warning>,
    /// What it would change, on a dry run: at most 1,000 of each kind, entitlements and pools among
    /// them. Else empty.
    pub changes: Vec<Change>,
    /// How many more changes there are than are listed.
    pub changes_truncated: u64,
    /// How long each step took.
    pub timings: Timings,
    /// Whether its upload is kept, so that it can be restored.
    pub restorable: bool,
}

/// How a manifest was verified.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// `VERIFIED` or `FORCED`.
    pub outcome: String,
    /// The signature's algorithm.
    pub algorithm: Option<String>,
    /// The CA's file name.
    pub ca_filename: Option<String>,
    /// SHA-256 of the CA's certificate, in hexadecimal.
    pub ca_sha256: Option<String>,
}

/// What an import changed, in entitlements.
#[derive(Debug, Serialize, ToSchema)]
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

/// Something to look at.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Warning {
    /// What kind, such as `entitlement-ended`.
    pub code: String,
    /// Which entitlement.
    pub entitlement_id: Option<String>,
    /// In words.
    pub detail: String,
}

/// How long each step took.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Timings {
    /// Receiving the upload.
    pub receive_ms: u64,
    /// Opening the archive, verifying its signature, reading its header.
    pub verify_ms: u64,
    /// Parsing the rest; it runs beside storing.
    pub parse_ms: u64,
    /// Storing, with the commit.
    pub store_ms: u64,
}

impl From<VerificationSnapshot> for Verification {
    fn from(snapshot: VerificationSnapshot) -> Self {
        Self {
            outcome: snapshot.outcome,
            algorithm: snapshot.algorithm,
            ca_filename: snapshot.ca_filename,
            ca_sha256: snapshot.ca_sha256,
        }
    }
}

impl From<portolan_domain::import::Warning> for Warning {
    fn from(warning: portolan_domain::import::Warning) -> Self {
        Self {
            code: warning.code.as_str().to_owned(),
            entitlement_id: warning.entitlement_id.map(String::from),
            detail: warning.detail,
        }
    }
}

impl ImportRecord {
    /// The record of an import that an upload, as a dry run or not, only repeats.
    #[must_use]
    pub fn unchanged(record: portolan_storage::ImportRecord, dry_run: bool) -> Self {
        Self {
            unchanged: true,
            dry_run,
            ..Self::from(record)
        }
    }
}

impl From<portolan_storage::ImportRecord> for ImportRecord {
    fn from(record: portolan_storage::ImportRecord) -> Self {
        let upload = record.upload;
        let (counts, timings) = (record.counts, record.timings);
        Self {
            id: record.id.to_string(),
            status: record.status.as_str(),
            status_message: record.status_message,
            unchanged: false,
            dry_run: false,
            file_name: upload.as_ref().and_then(|upload| upload.file_name.clone()),
            sha256: upload.as_ref().map(|upload| upload.sha256.to_string()),
            size: upload.as_ref().map_or(0, |upload| upload.size),
            uploaded_by: record.by,
            generated_by: record.generated_by,
            generated_date: record.generated_at.map(Timestamp),
            created: Timestamp(record.created_at),
            forced_conflicts: record.forced_conflicts.iter().map(|c| c.as_str()).collect(),
            upstream_consumer: record.consumer.map(Into::into),
            verification: record.verification.map(Into::into),
            counts: Counts {
                added: counts.added,
                updated: counts.updated,
                removed: counts.removed,
                unchanged: counts.unchanged,
                downstream_removed: counts.downstream_removed,
            },
            warnings: record.warnings.into_iter().map(Into::into).collect(),
            changes_truncated: record.changes.left_out(),
            changes: record
                .changes
                .into_list()
                .into_iter()
                .map(Into::into)
                .collect(),
            timings: Timings {
                receive_ms: timings.receive_ms,
                verify_ms: timings.verify_ms,
                parse_ms: timings.parse_ms,
                store_ms: timings.store_ms,
            },
            restorable: record.upload_id.is_some(),
        }
    }
}
