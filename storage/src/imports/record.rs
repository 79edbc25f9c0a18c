//! The import record: what came in, who vouched for it, what it changed, what to look at.

use std::{fs::File, sync::Arc};

use portolan_domain::{
    cdn_url::CdnUrl,
    conflict::{Conflict, Forced},
    digest::Sha256Digest,
    import::{Changes, Counts, ImportStatus, Warning},
    manifest::ManifestHeader,
    trust::Verification,
};
use sea_orm::Set;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    audit::Actor,
    entity::imports,
    error::{Result, StorageError},
    jobs::JobClaim,
};

/// The upload as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The file's name, where the client gave one.
    pub file_name: Option<String>,
    /// SHA-256 of the upload.
    pub sha256: Sha256Digest,
    /// Its bytes.
    pub size: u64,
    /// Who uploaded it.
    pub uploaded_by: String,
}

/// What the caller of an import asks for.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The upload.
    pub upload: Upload,
    /// Conflicts that the caller forces.
    pub forced: Forced,
    /// The CDN URL that the caller gave.
    pub cdn_url: Option<CdnUrl>,
    /// Does all the work and stores nothing.
    pub dry_run: bool,
    /// What becomes of the upload's bytes.
    pub keep: Keep,
    /// The import that this one puts back.
    pub restores: Option<Uuid>,
    /// The job that this import is.
    pub job: Option<JobClaim>,
    /// Who asks for it, and the instant of the import.
    pub by: Actor,
}

/// What becomes of an upload's bytes. Those of an owner's last imports are kept, sealed.
#[derive(Debug, Clone)]
pub enum Keep {
    /// They are not kept: this import cannot be restored.
    Nothing,
    /// This file is kept with the import, and that many of the owner's last ones.
    File(Arc<File>, u64),
    /// They are kept already, as this upload, and that many of the owner's last ones.
    Already(Uuid, u64),
}

/// A file of a manifest that an export needs later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    /// Its path below `export/`.
    pub path: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// How long each step took, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timings {
    /// Receiving the upload.
    pub receive_ms: u64,
    /// Opening the archive and verifying its signature.
    pub verify_ms: u64,
    /// Parsing; it runs beside storing.
    pub parse_ms: u64,
    /// Storing, with the commit.
    pub store_ms: u64,
}

/// The upstream consumer as it was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerSnapshot {
    /// Its uuid.
    pub uuid: String,
    /// Its name.
    pub name: Option<String>,
    /// Its type's id.
    pub type_id: Option<String>,
    /// Its type's label.
    pub type_label: Option<String>,
    /// Whether its type is one that takes manifests.
    pub type_manifest: Option<bool>,
    /// Where people manage it.
    pub web_url: Option<String>,
    /// Its server.
    pub api_url: Option<String>,
    /// Its owner's id on that server.
    pub owner_id: Option<String>,
    /// Its content access mode.
    pub content_access_mode: Option<String>,
}

/// How it was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationSnapshot {
    /// `VERIFIED` or `FORCED`.
    pub outcome: String,
    /// The algorithm's canonical name.
    pub algorithm: Option<String>,
    /// The CA's file name.
    pub ca_filename: Option<String>,
    /// SHA-256 of the CA's certificate, in hexadecimal.
    pub ca_sha256: Option<String>,
}

/// The record of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRecord {
    /// Its number.
    pub id: Uuid,
    /// How it ended.
    pub status: ImportStatus,
    /// The same in words.
    pub status_message: String,
    /// When.
    pub created_at: OffsetDateTime,
    /// Who imported it, or undid it.
    pub by: String,
    /// What came in.
    pub upload: Option<Upload>,
    /// `principalName` of the manifest.
    pub generated_by: Option<String>,
    /// `created` of the manifest.
    pub generated_at: Option<OffsetDateTime>,
    /// Conflicts that stood against it and were forced.
    pub forced_conflicts: Vec<Conflict>,
    /// The upstream consumer, where it came that far.
    pub consumer: Option<ConsumerSnapshot>,
    /// How it was verified, where it came that far.
    pub verification: Option<VerificationSnapshot>,
    /// What it changed.
    pub counts: Counts,
    /// What to look at.
    pub warnings: Vec<Warning>,
    /// What it would change, where it is a dry run's; never stored.
    pub changes: Changes,
    /// How long it took.
    pub timings: Timings,
    /// Its upload, while that is kept and can be restored.
    pub upload_id: Option<Uuid>,
    /// The CDN URL that its caller gave.
    pub cdn_url: Option<String>,
}

impl ConsumerSnapshot {
    pub(super) fn of(header: &ManifestHeader) -> Self {
        let consumer = &header.consumer;
        let kind = &consumer.consumer_type;
        Self {
            uuid: consumer.uuid.to_string(),
            name: consumer.name.clone(),
            type_id: kind.id.clone(),
            type_label: kind.label.clone(),
            type_manifest: kind.manifest,
            web_url: consumer.web_url.clone(),
            api_url: consumer.api_url.clone(),
            owner_id: consumer.owner_id.clone(),
            content_access_mode: consumer.content_access_mode.clone(),
        }
    }
}

impl VerificationSnapshot {
    pub(super) fn of(verification: &Verification) -> Self {
        match verification {
            Verification::Verified(by) => Self {
                outcome: "VERIFIED".to_owned(),
                algorithm: Some(by.algorithm.name().to_owned()),
                ca_filename: Some(by.filename.to_string()),
                ca_sha256: Some(by.sha256.to_string()),
            },
            Verification::Forced(_) => Self {
                outcome: "FORCED".to_owned(),
                algorithm: None,
                ca_filename: None,
                ca_sha256: None,
            },
        }
    }
}

impl ImportRecord {
    pub(super) fn to_row(&self, owner_id: i64) -> Result<imports::ActiveModel> {
        let upload = self.upload.as_ref();
        let conflicts: Vec<_> = self.forced_conflicts.iter().map(|c| c.as_str()).collect();
        Ok(imports::ActiveModel {
            id: Set(self.id),
            owner_id: Set(owner_id),
            created_at: Set(self.created_at),
            status: Set(self.status.as_str().to_owned()),
            status_message: Set(self.status_message.clone()),
            file_name: Set(upload.and_then(|upload| upload.file_name.clone())),
            sha256: Set(upload.map(|upload| upload.sha256.to_string())),
            size: Set(upload.map_or(0, |upload| i64::try_from(upload.size).unwrap_or(i64::MAX))),
            uploaded_by: Set(self.by.clone()),
            generated_by: Set(self.generated_by.clone()),
            generated_at: Set(self.generated_at),
            forced_conflicts: Set(to_json(self.id, &conflicts)?),
            upstream_consumer: Set(optional_json(self.id, self.consumer.as_ref())?),
            verification: Set(optional_json(self.id, self.verification.as_ref())?),
            counts: Set(to_json(self.id, &self.counts)?),
            warnings: Set(to_json(self.id, &self.warnings)?),
            timings: Set(to_json(self.id, &self.timings)?),
            upload_id: Set(self.upload_id),
            cdn_url_parameter: Set(self.cdn_url.clone()),
        })
    }

    pub(crate) fn from_row(row: imports::Model) -> Result<Self> {
        let corrupt = |column| corrupt(row.id, column);
        let conflicts: Vec<String> = from_json(row.id, "forced_conflicts", &row.forced_conflicts)?;
        let conflicts: Option<_> = conflicts.iter().map(|name| name.parse().ok()).collect();
        let sha256 = row.sha256.as_deref().map(str::parse::<Sha256Digest>);
        let sha256 = sha256.transpose().map_err(|_| corrupt("sha256"))?;
        let upload = sha256.map(|sha256| Upload {
            file_name: row.file_name.clone(),
            sha256,
            size: u64::try_from(row.size).unwrap_or_default(),
            uploaded_by: row.uploaded_by.clone(),
        });
        let consumer = row.upstream_consumer.as_deref();
        let verification = row.verification.as_deref();
        Ok(Self {
            id: row.id,
            status: ImportStatus::from_name(&row.status).ok_or_else(|| corrupt("status"))?,
            status_message: row.status_message,
            created_at: row.created_at,
            by: row.uploaded_by,
            upload,
            generated_by: row.generated_by,
            generated_at: row.generated_at,
            forced_conflicts: conflicts.ok_or_else(|| corrupt("forced_conflicts"))?,
            consumer: consumer
                .map(|json| from_json(row.id, "upstream_consumer", json))
                .transpose()?,
            verification: verification
                .map(|json| from_json(row.id, "verification", json))
                .transpose()?,
            counts: from_json(row.id, "counts", &row.counts)?,
            warnings: from_json(row.id, "warnings", &row.warnings)?,
            changes: Changes::default(),
            timings: from_json(row.id, "timings", &row.timings)?,
            upload_id: row.upload_id,
            cdn_url: row.cdn_url_parameter,
        })
    }
}

fn corrupt(id: Uuid, column: &'static str) -> StorageError {
    StorageError::Corrupt {
        table: "imports",
        column,
        row: id.to_string(),
    }
}

fn to_json(id: Uuid, value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|_| corrupt(id, "json"))
}

fn optional_json(id: Uuid, value: Option<&impl Serialize>) -> Result<Option<String>> {
    value.map(|value| to_json(id, value)).transpose()
}

fn from_json<T: DeserializeOwned>(id: Uuid, column: &'static str, json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|_| corrupt(id, column))
}
