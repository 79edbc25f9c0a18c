//! A job as others see it, from its row and the import that it became.

use portolan_domain::ids::OwnerKey;
use sea_orm::{EntityTrait, prelude::Uuid};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    audit::{Actor, PrincipalKind},
    entity::{imports, jobs, owners},
    error::{Result, StorageError},
    imports::ImportRecord,
    store::Store,
};

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// It was asked for.
    Created,
    /// It waits for its turn.
    Queued,
    /// A node is at it.
    Running,
    /// It is done.
    Finished,
    /// It was refused, or could not be done.
    Failed,
    /// Somebody took it back.
    Canceled,
}

/// The states of a job that is still to be done.
pub(crate) const OPEN: [&str; 3] = [
    JobState::Created.as_str(),
    JobState::Queued.as_str(),
    JobState::Running.as_str(),
];

impl JobState {
    /// The name on the wire, Candlepin's.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
        }
    }

    /// Whether nothing more becomes of it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Canceled)
    }

    fn from_name(name: &str) -> Option<Self> {
        [
            Self::Created,
            Self::Queued,
            Self::Running,
            Self::Finished,
            Self::Failed,
            Self::Canceled,
        ]
        .into_iter()
        .find(|state| state.as_str() == name)
    }
}

/// What is asked of an import that is a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobRequest {
    /// The words of `force`.
    pub force: Vec<String>,
    /// The CDN URL that counts over the manifest's.
    pub cdn_url: Option<String>,
    /// Does all the work and stores nothing.
    pub dry_run: bool,
    /// Does nothing where the very same bytes were imported last.
    pub skip_same: bool,
}

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOutcome {
    /// An import, or the one that was there already.
    Import(Box<ImportRecord>, bool),
    /// JSON: a problem, or the record of a dry run.
    Document(String),
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: Uuid,
    /// Whose it is.
    pub owner: OwnerKey,
    /// How far it is.
    pub state: JobState,
    /// When it was asked for.
    pub created_at: OffsetDateTime,
    /// When something was last heard of it.
    pub updated_at: OffsetDateTime,
    /// When it was first begun.
    pub started_at: Option<OffsetDateTime>,
    /// When it ended.
    pub ended_at: Option<OffsetDateTime>,
    /// Who asked for it.
    pub asked_by: Actor,
    /// What is asked.
    pub request: JobRequest,
    /// Its upload, while that is kept.
    pub upload_id: Option<Uuid>,
    /// How often it was begun.
    pub attempts: u32,
    /// Entitlements that were stored so far.
    pub progress: u64,
    /// What became of it.
    pub outcome: Option<JobOutcome>,
}

/// [`Actor`] in a row.
#[derive(Serialize, Deserialize)]
struct AskedBy {
    kind: String,
    name: String,
    address: Option<std::net::IpAddr>,
    request_id: Option<String>,
}

pub(super) fn asked_by(actor: &Actor) -> Result<String> {
    let asked = AskedBy {
        kind: actor.kind.as_str().to_owned(),
        name: actor.name.clone(),
        address: actor.address,
        request_id: actor.request_id.clone(),
    };
    serde_json::to_string(&asked).map_err(|_| corrupt(Uuid::nil(), "asked_by"))
}

pub(super) fn corrupt(id: Uuid, column: &'static str) -> StorageError {
    StorageError::Corrupt {
        table: "jobs",
        column,
        row: id.to_string(),
    }
}

impl Store {
    /// The job of a row, with its owner and what became of it.
    pub(super) async fn job_of(&self, row: jobs::Model) -> Result<Option<Job>> {
        let owner = owners::Entity::find_by_id(row.owner_id)
            .one(&self.database)
            .await?;
        let import = match row.import_id {
            None => None,
            Some(import) => {
                imports::Entity::find_by_id(import)
                    .one(&self.database)
                    .await?
            }
        };
        let Some(owner) = owner else { return Ok(None) };
        let record = import.map(ImportRecord::from_row).transpose()?;
        let outcome = match (record, row.result) {
            (Some(record), _) => Some(JobOutcome::Import(Box::new(record), row.unchanged)),
            (None, Some(document)) => Some(JobOutcome::Document(document)),
            (None, None) => None,
        };
        let fault = |column| corrupt(row.id, column);
        let asked: AskedBy = serde_json::from_str(&row.asked_by).map_err(|_| fault("asked_by"))?;
        Ok(Some(Job {
            id: row.id,
            owner: owner.key.parse().map_err(|_| fault("owner_id"))?,
            state: JobState::from_name(&row.state).ok_or_else(|| fault("state"))?,
            created_at: row.created_at,
            updated_at: row.updated_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
            asked_by: Actor {
                kind: PrincipalKind::from_name(&asked.kind).ok_or_else(|| fault("asked_by"))?,
                name: asked.name,
                address: asked.address,
                request_id: asked.request_id,
                at: row.created_at,
            },
            request: serde_json::from_str(&row.request).map_err(|_| fault("request"))?,
            upload_id: row.upload_id,
            attempts: u32::try_from(row.attempt).unwrap_or(u32::MAX),
            progress: u64::try_from(row.progress).unwrap_or_default(),
            outcome,
        }))
    }
}
