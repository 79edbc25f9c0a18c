//! Candlepin's `ImportRecordDTO`, and behind its fields what is recorded here beyond them.

use serde::Serialize;

use super::{Candlepin, consumer::ImportUpstreamConsumer, time::SecondsUtc};
use crate::view::{self, Change, Counts, Timings, Verification, Warning};

/// What an import did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportRecord {
    created: SecondsUtc,
    updated: SecondsUtc,
    id: String,
    status: &'static str,
    status_message: String,
    file_name: Option<String>,
    generated_by: Option<String>,
    generated_date: Option<SecondsUtc>,
    upstream_consumer: Option<ImportUpstreamConsumer>,
    unchanged: bool,
    dry_run: bool,
    sha256: Option<String>,
    size: u64,
    uploaded_by: String,
    forced_conflicts: Vec<&'static str>,
    verification: Option<Verification>,
    counts: Counts,
    warnings: Vec<Warning>,
    changes: Vec<Change>,
    changes_truncated: u64,
    timings: Timings,
    restorable: bool,
}

impl Candlepin for view::ImportRecord {
    type Shape = ImportRecord;

    fn candlepin(self) -> ImportRecord {
        let created = self.created.0;
        let consumer = self.upstream_consumer;
        ImportRecord {
            created: SecondsUtc(created),
            updated: SecondsUtc(created),
            id: self.id,
            status: self.status,
            status_message: self.status_message,
            file_name: self.file_name,
            generated_by: self.generated_by,
            generated_date: self.generated_date.map(|date| SecondsUtc(date.0)),
            upstream_consumer: consumer.map(|c| ImportUpstreamConsumer::of(c, Some(created))),
            unchanged: self.unchanged,
            dry_run: self.dry_run,
            sha256: self.sha256,
            size: self.size,
            uploaded_by: self.uploaded_by,
            forced_conflicts: self.forced_conflicts,
            verification: self.verification,
            counts: self.counts,
            warnings: self.warnings,
            changes: self.changes,
            changes_truncated: self.changes_truncated,
            timings: self.timings,
            restorable: self.restorable,
        }
    }
}
