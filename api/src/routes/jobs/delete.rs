//! `DELETE /jobs/{job_id}`.

use axum::{extract::State, http::StatusCode};

use super::view::JobPath;
use crate::{
    auth::Manager,
    extract::Path,
    problem::{BadRequest, Problem, Refused},
    state::AppState,
};

/// Takes a job back: nothing of it is stored. One that has ended stays as it is.
#[utoipa::path(
    delete,
    path = "/jobs/{job_id}",
    operation_id = "delete_job",
    tag = "jobs",
    params(JobPath),
    responses(
        (status = 204, description = "The job is not waiting or running any more."),
        BadRequest, Refused,
    )
)]
pub async fn delete_job(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Path(path): Path<JobPath>,
) -> Result<StatusCode, Problem> {
    if let Some(job) = state.jobs.get(path.job_id).await? {
        caller.check_owner(&job.owner)?;
        state.jobs.cancel(job.id, &caller.by).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
