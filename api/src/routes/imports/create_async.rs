//! `POST /owners/{owner_key}/imports/async`: the same without waiting.

use axum::{
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::query::{ImportQuery, ManifestZip, UploadForm};
use crate::{
    auth::Manager,
    extract::{Dialect, OwnerPath, Path, Query},
    import::{Pace, busy, receive},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    routes::jobs::JobStatus,
    state::AppState,
};

/// Takes a manifest, and imports it without its client. Once this answers, neither a crash nor the end
/// of this node loses it.
#[utoipa::path(
    post,
    path = "/owners/{owner_key}/imports/async",
    operation_id = "create_import_job",
    tag = "jobs",
    params(OwnerPath, ImportQuery),
    request_body(
        content((UploadForm = "multipart/form-data"), (ManifestZip = "application/zip")),
        description = "The manifest: one file part of any name, or the zip itself."
    ),
    responses(
        (status = 202, body = JobStatus, description = "The manifest is kept and will be imported.",
         headers(("Location" = String, description = "Where the job's status is."))),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The upload is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The upload is neither a form nor a zip."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn create_import_job(
    Manager(caller): Manager,
    State(state): State<AppState>,
    dialect: Dialect,
    Path(path): Path<OwnerPath>,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let owner = path.owner_key;
    caller.check_owner(&owner)?;
    let importer = &state.importer;
    let wanted = query.request(importer, caller.by.clone())?;
    state.store.owner(&owner).await?;
    let _room = importer.place(&owner).await.ok_or_else(busy)?;
    let pace = Pace::new(&state.config.http.limits);
    let upload = receive(request, importer.spool(), importer.upload_limit(), pace).await?;
    let job = state
        .jobs
        .create(&owner, upload, &wanted, &caller.by)
        .await?;
    let status = JobStatus::of(job);
    let location = [(header::LOCATION, status.status_path.clone())];
    Ok((StatusCode::ACCEPTED, location, dialect.json(status)).into_response())
}
