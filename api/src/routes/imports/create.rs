//! `POST /owners/{owner_key}/imports`: the main job.

use axum::extract::{Request, State};
use portolan_domain::ids::OwnerKey;
use tracing::Instrument;

use super::query::{ImportQuery, ManifestZip, UploadForm};
use crate::{
    auth::Manager,
    extract::{Dialect, Json, OwnerPath, Path, Query, Shaped},
    import::{ImportError, ImportOptions, OnSame, Pace, ReceivedUpload, busy, receive},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
    view::ImportRecord,
};

/// Imports a signed manifest. Nothing of a refused one is stored, but its record.
#[utoipa::path(
    post,
    path = "/owners/{owner_key}/imports",
    operation_id = "create_import",
    tag = "imports",
    params(OwnerPath, ImportQuery),
    request_body(
        content((UploadForm = "multipart/form-data"), (ManifestZip = "application/zip")),
        description = "The manifest: one file part of any name, or the zip itself."
    ),
    responses(
        (status = 200, body = ImportRecord, description = "The manifest was imported."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "It conflicts with what is here; `conflicts` lists those not forced."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The upload is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The upload is neither a form nor a zip."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn create_import(
    Manager(caller): Manager,
    State(state): State<AppState>,
    dialect: Dialect,
    Path(path): Path<OwnerPath>,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Json<Shaped<ImportRecord>>, Problem> {
    let owner = path.owner_key;
    caller.check_owner(&owner)?;
    let on_same = query.on_same();
    let options = query.options(&state.importer, caller.by)?;
    state.store.owner(&owner).await?;
    let importer = &state.importer;
    let room = importer.place(&owner).await.ok_or_else(busy)?;
    let pace = Pace::new(&state.config.http.limits);
    let upload = receive(request, importer.spool(), importer.upload_limit(), pace).await?;
    // Only now: a client that sends slowly must not keep the others from their turn.
    let turn = importer.turn(&owner).await.ok_or_else(busy)?;
    // On its own: a client that goes away now still gets its import, and its record.
    let import = async move {
        // Both until the end: the upload takes its disk for as long.
        let _held = (room, turn);
        run(&state, &owner, upload, on_same, options).await
    };
    let running = tokio::spawn(import.in_current_span());
    running
        .await
        .map_err(|_| ImportError::Interrupted)?
        .map(|record| dialect.json(record))
}

async fn run(
    state: &AppState,
    owner: &OwnerKey,
    upload: ReceivedUpload,
    on_same: OnSame,
    options: ImportOptions,
) -> Result<ImportRecord, Problem> {
    let dry_run = options.dry_run;
    if let Some(same) = on_same.skipped(&state.store, owner, upload.sha256).await? {
        // It may have been another node's: what is asked next is no older.
        state.store.changes().owner_changed(owner);
        return Ok(ImportRecord::unchanged(same, dry_run));
    }
    let record = state.importer.import(owner, upload, options).await?;
    let mut record = ImportRecord::from(record);
    record.dry_run = dry_run;
    Ok(record)
}
