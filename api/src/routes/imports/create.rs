//! `POST /owners/{owner_key}/imports`: the main job.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
};
use portolan_domain::{
    conflict::{Conflict, Forced},
    ids::OwnerKey,
};
use portolan_storage::Actor;
use serde::Deserialize;
use tracing::Instrument;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::{
    auth::Manager,
    extract::{Json, OwnerPath, Path, Query, given},
    import::{ImportError, ImportOptions, Pace, ReceivedUpload, receive},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    routes::cdns::parse_url,
    state::AppState,
    view::ImportRecord,
};

/// The query of an import.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Conflicts to force, repeated. `true` is `MANIFEST_OLD` and `false` nothing, as old clients send.
    #[serde(default)]
    #[param(required = false, value_type = Vec<ForceWord>, inline)]
    force: Vec<String>,
    /// The CDN's base URL, which counts over the manifest's.
    cdn_url: Option<String>,
    /// Does all the work and stores nothing.
    #[serde(default)]
    #[param(required = false, default = false)]
    dry_run: bool,
    /// What to do with the very bytes that were imported last: `conflict`, or `skip`, which answers
    /// with that import's record and `unchanged: true`.
    #[serde(default, deserialize_with = "given")]
    #[param(required = false, inline)]
    on_same: Option<OnSame>,
}

/// A word of `force`, for the document alone.
struct ForceWord;

impl PartialSchema for ForceWord {
    fn schema() -> RefOr<Schema> {
        let words = Conflict::ALL.map(Conflict::as_str).into_iter();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(words.chain(["true", "false"])))
            .into()
    }
}

impl ToSchema for ForceWord {}

/// What to do with the very bytes that were imported last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnSame {
    /// The conflict `MANIFEST_SAME`.
    Conflict,
    /// Nothing.
    Skip,
}

/// The upload as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by the document alone")]
pub struct UploadForm {
    /// The manifest. The part may have any name.
    file: ManifestZip,
}

/// A manifest: a zip with `consumer_export.zip` and `signature`.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "read by the document alone")]
pub struct ManifestZip(Vec<u8>);

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
    Path(path): Path<OwnerPath>,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Json<ImportRecord>, Problem> {
    let owner = path.owner_key;
    caller.check_owner(&owner)?;
    let skip = query.on_same == Some(OnSame::Skip);
    let options = query.options(&state, caller.by)?;
    state.store.owner(&owner).await?;
    let importer = &state.importer;
    let room = importer.place(&owner).await.ok_or_else(busy)?;
    let pace = Pace::new(&state.config.http.limits);
    let upload = receive(request, importer.spool(), importer.upload_limit(), pace).await?;
    if skip && let Some(same) = state.store.current_import(&owner).await? {
        let before = same.upload.as_ref().map(|before| before.sha256);
        if before == Some(upload.sha256) {
            let mut record = ImportRecord::from(same);
            record.unchanged = true;
            return Ok(Json(record));
        }
    }
    // Only now: a client that sends slowly must not keep the others from their turn.
    let turn = importer.turn(&owner).await.ok_or_else(busy)?;
    // On its own: a client that goes away now still gets its import, and its record.
    let import = async move {
        // Both until the end: the upload takes its disk for as long.
        let _held = (room, turn);
        run(&state, &owner, upload, options).await
    };
    let running = tokio::spawn(import.in_current_span());
    running
        .await
        .map_err(|_| ImportError::Interrupted)?
        .map(Json)
}

async fn run(
    state: &AppState,
    owner: &OwnerKey,
    upload: ReceivedUpload,
    options: ImportOptions,
) -> Result<ImportRecord, Problem> {
    let dry_run = options.dry_run;
    let record = state.importer.import(owner, upload, options).await?;
    if !dry_run {
        state.cache.changed(owner);
    }
    let mut record = ImportRecord::from(record);
    record.dry_run = dry_run;
    Ok(record)
}

impl ImportQuery {
    fn options(self, state: &AppState, by: Actor) -> Result<ImportOptions, Problem> {
        let forced = Forced::parse(self.force.iter().map(String::as_str));
        let forced =
            forced.map_err(|why| Problem::bad_request(format!("A value of force {why}.")))?;
        let http = state.importer.http_cdn();
        let cdn_url = self
            .cdn_url
            .map(|url| parse_url("The parameter cdn_url", &url, http));
        Ok(ImportOptions {
            forced,
            cdn_url: cdn_url.transpose()?,
            dry_run: self.dry_run,
            by,
            progress: Arc::default(),
        })
    }
}

fn busy() -> Problem {
    let detail = "More imports run or arrive than import.concurrent and import.receiving allow. Nothing was \
         changed. Try again soon.";
    let title = "The service is busy";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", title, detail)
        .header(RETRY_AFTER, HeaderValue::from_static("10"))
}
