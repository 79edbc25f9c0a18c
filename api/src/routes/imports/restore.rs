//! `POST /owners/{owner_key}/imports/{import_id}/restore`: an accident costs a minute, not a day.

use axum::extract::State;
use portolan_domain::ids::OwnerKey;
use serde::Deserialize;
use tracing::Instrument;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    auth::Manager,
    extract::{Dialect, Json, Path, Shaped},
    import::{ImportError, busy},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
    view::ImportRecord,
};

/// `{owner_key}` and `{import_id}`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ImportPath {
    /// The owner's key.
    #[param(value_type = String, pattern = "^[A-Za-z0-9_-]{1,255}$")]
    owner_key: OwnerKey,
    /// The import's id.
    #[param(value_type = String, pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
    import_id: Uuid,
}

/// Imports an earlier manifest again, as it came then, verified by the upstream CAs of today. That the
/// owner has a newer one, or one of another consumer, is forced; nothing else is.
#[utoipa::path(
    post,
    path = "/owners/{owner_key}/imports/{import_id}/restore",
    operation_id = "create_import_restore",
    tag = "imports",
    params(ImportPath),
    responses(
        (status = 200, body = ImportRecord, description = "The manifest is what counts again."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner or import."),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "Its upload is not kept any more, or it conflicts with what is here."),
        BadRequest, Refused,
    )
)]
pub async fn create_import_restore(
    Manager(caller): Manager,
    State(state): State<AppState>,
    dialect: Dialect,
    Path(path): Path<ImportPath>,
) -> Result<Json<Shaped<ImportRecord>>, Problem> {
    let owner = path.owner_key;
    caller.check_owner(&owner)?;
    let place = state.importer.place(&owner).await.ok_or_else(busy)?;
    let turn = state.importer.turn(&owner).await.ok_or_else(busy)?;
    // On its own: a client that goes away now still gets it restored.
    let restore = async move {
        let _held = (place, turn);
        let (importer, import) = (&state.importer, path.import_id);
        let record = importer.restore(&owner, import, caller.by).await?;
        Ok::<_, Problem>(ImportRecord::from(record))
    };
    let running = tokio::spawn(restore.in_current_span());
    running
        .await
        .map_err(|_| ImportError::Interrupted)?
        .map(|record| dialect.json(record))
}
