//! Does one job: what the request would have done, with the upload that was kept.

use std::time::Duration;

use axum::http::StatusCode;
use portolan_domain::conflict::Forced;
use portolan_storage::{Job, JobClaim, StorageError};

use super::{Jobs, Running};
use crate::{
    import::{ImportError, ImportOptions, KeptAs, OnSame},
    problem::Problem,
    view::ImportRecord,
};

/// A job that was begun so often, and never ended, ends the program that does it.
pub const MOST_ATTEMPTS: u32 = 10;
/// The one failure of the service that no other attempt mends.
const UPLOAD_LOST: &str = "job-upload-lost";
/// The longest pause before a job is tried again.
const LONGEST_PAUSE: u64 = 60;

/// What became of the work on a job.
pub(super) enum Done {
    /// It has ended, or is somebody else's now: nothing is left to do.
    Dropped,
    /// It could not be done now, and is to be tried again after a pause.
    PutBack(Duration),
}

impl Jobs {
    pub(super) async fn perform(&self, claim: JobClaim, job: Job, running: &Running) -> Done {
        if claim.attempt > i64::from(MOST_ATTEMPTS) {
            return self.fail(claim, &given_up()).await;
        }
        match self.import(claim, &job, running).await {
            Ok(()) => Done::Dropped,
            // The database, the disk or this program, not the manifest: that may be better soon, or on
            // another node. Attempts are counted.
            Err(problem) if problem.status().is_server_error() && problem.slug() != UPLOAD_LOST => {
                let doubled = 1 << claim.attempt.clamp(0, 10);
                Done::PutBack(Duration::from_secs(LONGEST_PAUSE.min(doubled)))
            }
            Err(problem) => self.fail(claim, &problem).await,
        }
    }

    async fn import(&self, claim: JobClaim, job: &Job, running: &Running) -> Result<(), Problem> {
        let (owner, request) = (&job.owner, &job.request);
        let (store, importer) = (&self.0.store, &self.0.importer);
        let Some(_turn) = importer.patient_turn(owner).await else {
            return Err(ImportError::Interrupted.into());
        };
        let kept = match job.upload_id {
            Some(upload) => store.kept_upload(owner, upload).await?.zip(Some(upload)),
            None => None,
        };
        let (kept, upload_id) = kept.ok_or_else(upload_lost)?;
        let on_same = if request.skip_same {
            OnSame::Skip
        } else {
            OnSame::Conflict
        };
        if let Some(same) = on_same.skipped(store, owner, kept.sha256).await? {
            return Ok(store.skip_job(claim, same.id, self.0.clock.now()).await?);
        }
        let upload = importer.reopen(&kept).await?;
        let forced = Forced::parse(request.force.iter().map(String::as_str));
        let cdn_url = request.cdn_url.as_deref().map(|url| importer.cdn_url(url));
        let options = ImportOptions {
            forced: forced.map_err(|why| Problem::bad_request(format!("force {why}.")))?,
            cdn_url: cdn_url.transpose()?,
            dry_run: request.dry_run,
            by: job.asked_by.clone(),
            kept: Some(KeptAs {
                upload: upload_id,
                restores: None,
                job: Some(claim),
            }),
            progress: running.progress.clone(),
        };
        let record = importer.import(owner, upload, options).await?;
        if request.dry_run {
            let mut record = ImportRecord::from(record);
            record.dry_run = true;
            let record = serde_json::to_string(&record).map_err(|_| ImportError::Interrupted)?;
            return Ok(store.finish_job(claim, record, self.0.clock.now()).await?);
        }
        // The job ended with the import, in one transaction.
        Ok(())
    }

    async fn fail(&self, claim: JobClaim, problem: &Problem) -> Done {
        let mut body = problem.to_value();
        body["displayMessage"] = problem.detail().into();
        let failed = self
            .0
            .store
            .fail_job(claim, body.to_string(), self.0.clock.now());
        match failed.await {
            // Lost: whoever has it now says how it ends.
            Ok(()) | Err(StorageError::JobLost) => Done::Dropped,
            Err(error) => {
                tracing::warn!(%error, id = %claim.id, "a job's end could not be written down");
                Done::PutBack(Duration::from_secs(1))
            }
        }
    }
}

fn given_up() -> Problem {
    let title = "The job was given up";
    let detail = format!(
        "The import was begun {MOST_ATTEMPTS} times and never ended. Nothing was changed. The log of \
         the nodes that began it says why; upload the manifest again once that is mended."
    );
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    Problem::new(status, "job-given-up", title, detail)
}

fn upload_lost() -> Problem {
    let title = "The upload is gone";
    let detail =
        "The upload of this job is not in the database any more. Upload the manifest again.";
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    Problem::new(status, UPLOAD_LOST, title, detail)
}
