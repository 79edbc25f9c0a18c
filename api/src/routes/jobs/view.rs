//! A job as it goes out.

use axum::http::StatusCode;
use portolan_storage::{Job, JobOutcome};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    jobs::MOST_ATTEMPTS,
    problem::Problem,
    view::{
        ImportRecord, Timestamp,
        candlepin::{AsyncJobStatus, Candlepin, JobFacts},
    },
};

/// What kind of job it is, as Candlepin calls it.
const KEY: &str = "ImportJob";
const NAME: &str = "Import Manifest";

/// `{job_id}`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct JobPath {
    /// The job's id.
    #[param(value_type = String, pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
    pub job_id: Uuid,
}

/// An import that runs without its client.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobStatus {
    /// Its id.
    pub id: String,
    /// What kind of job it is.
    pub key: &'static str,
    /// The same in words.
    pub name: &'static str,
    /// `CREATED`, `QUEUED`, `RUNNING`, `FINISHED`, `FAILED` or `CANCELED`.
    pub state: &'static str,
    /// The owner's key.
    pub owner_key: String,
    /// When it was asked for.
    pub created: Timestamp,
    /// When something was last heard of it.
    pub updated: Timestamp,
    /// When it was first begun.
    pub start_time: Option<Timestamp>,
    /// When it ended.
    pub end_time: Option<Timestamp>,
    /// Where its status is.
    pub status_path: String,
    /// The import record, or the problem of a failed one; null until it has ended.
    #[schema(value_type = Option<Object>)]
    pub result_data: Option<JobResult>,
    /// How far it is.
    pub progress: Progress,
    /// Who asked for it, which Candlepin's clients are told.
    #[serde(skip)]
    pub principal: String,
    /// How often it was begun, likewise.
    #[serde(skip)]
    pub attempts: u32,
}

/// What became of a job.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum JobResult {
    /// An import.
    Import(Box<ImportRecord>),
    /// A problem, or the record of a dry run.
    Document(Value),
}

/// How far a job is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Entitlements that were read and stored so far, none of which counts before the job is finished.
    pub entitlements: u64,
}

impl JobStatus {
    /// A job.
    #[must_use]
    pub fn of(job: Job) -> Self {
        Self {
            id: job.id.to_string(),
            key: KEY,
            name: NAME,
            state: job.state.as_str(),
            owner_key: job.owner.to_string(),
            created: Timestamp(job.created_at),
            updated: Timestamp(job.updated_at),
            start_time: job.started_at.map(Timestamp),
            end_time: job.ended_at.map(Timestamp),
            status_path: format!("/jobs/{}", job.id),
            result_data: job
                .outcome
                .and_then(|outcome| result(outcome, job.request.dry_run)),
            progress: Progress {
                entitlements: job.progress,
            },
            principal: job.asked_by.name,
            attempts: job.attempts,
        }
    }
}

fn result(outcome: JobOutcome, dry_run: bool) -> Option<JobResult> {
    match outcome {
        JobOutcome::Import(record, unchanged) => {
            let mut record = ImportRecord::from(*record);
            (record.unchanged, record.dry_run) = (unchanged, dry_run);
            Some(JobResult::Import(Box::new(record)))
        }
        JobOutcome::Document(json) => serde_json::from_str(&json).ok().map(JobResult::Document),
    }
}

impl Candlepin for JobStatus {
    type Shape = AsyncJobStatus;

    fn candlepin(self) -> AsyncJobStatus {
        let result = self.result_data.and_then(|result| match result {
            JobResult::Import(record) => serde_json::to_value(record.candlepin()).ok(),
            JobResult::Document(document) => Some(document),
        });
        AsyncJobStatus::from(JobFacts {
            id: self.id,
            key: self.key.to_owned(),
            name: self.name.to_owned(),
            state: self.state,
            attempts: (self.attempts, MOST_ATTEMPTS),
            principal: Some(self.principal),
            created: self.created.0,
            updated: self.updated.0,
            started: self.start_time.map(|at| at.0),
            ended: self.end_time.map(|at| at.0),
            result_data: result,
        })
    }
}

/// What an id without a job answers.
pub fn unknown(id: Uuid) -> Problem {
    let title = "There is no such job";
    let detail = format!("There is no job {id}, or it ended long ago (jobs.keep_days).");
    Problem::new(StatusCode::NOT_FOUND, "job-not-found", title, detail)
}
