//! `GET /jobs/{job_id}`.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::{JobPath, JobStatus, unknown};
use crate::{
    auth::Viewer,
    extract::{Dialect, Json, Path, Query, Shaped, Span, given},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
};

/// The longest wait, in seconds: what stands between may not be so patient.
const LONGEST: u64 = 300;

/// The query.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// Holds the answer until the job has ended, or this time is over: `30s`, `2m`; at most five minutes.
    #[serde(default, deserialize_with = "given")]
    #[param(required = false, value_type = String, pattern = "^[0-9]{1,9}[smhdw]$")]
    wait: Option<Span>,
}

/// A job, and what became of it.
#[utoipa::path(
    get,
    path = "/jobs/{job_id}",
    operation_id = "get_job",
    tag = "jobs",
    params(JobPath, JobQuery),
    responses(
        (status = 200, body = JobStatus, description = "The job."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such job, or it ended long ago."),
        BadRequest, Refused,
    )
)]
pub async fn get_job(
    Viewer(caller): Viewer,
    State(state): State<AppState>,
    dialect: Dialect,
    Path(path): Path<JobPath>,
    Query(query): Query<JobQuery>,
) -> Result<Json<Shaped<JobStatus>>, Problem> {
    let wait = query.wait.map(Span::get);
    if wait.is_some_and(|wait| wait.as_secs() > LONGEST) {
        let detail = format!("The parameter wait may be {LONGEST} seconds at most.");
        return Err(Problem::bad_request(detail));
    }
    let id = path.job_id;
    let job = state.jobs.get(id).await?.ok_or_else(|| unknown(id))?;
    caller.check_owner(&job.owner)?;
    let job = match wait.filter(|_| !job.state.is_final()) {
        Some(wait) => state.jobs.wait(id, wait).await?,
        None => Some(job),
    };
    let job = job.ok_or_else(|| unknown(id))?;
    Ok(dialect.json(JobStatus::of(job)))
}
