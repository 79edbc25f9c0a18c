//! `DELETE /owners/{owner_key}/imports`: undo.

use axum::extract::State;
use tracing::Instrument;

use crate::{
    auth::Manager,
    extract::{Dialect, Json, OwnerPath, Path, Shaped},
    import::{ImportError, busy},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
    view::ImportRecord,
};

/// Takes away what the owner has imported, with all its downstream entitlements. Its CDNs and records
/// stay.
#[utoipa::path(
    delete,
    path = "/owners/{owner_key}/imports",
    operation_id = "delete_import",
    tag = "imports",
    params(OwnerPath),
    responses(
        (status = 200, body = ImportRecord, description = "It is undone: the record of that."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner, or it has imported nothing."),
        BadRequest, Refused,
    )
)]
pub async fn delete_import(
    Manager(caller): Manager,
    State(state): State<AppState>,
    dialect: Dialect,
    Path(path): Path<OwnerPath>,
) -> Result<Json<Shaped<ImportRecord>>, Problem> {
    let owner = path.owner_key;
    caller.check_owner(&owner)?;
    let turn = state.importer.turn(&owner).await.ok_or_else(busy)?;
    // On its own: where the client goes away, other requests still see what is gone.
    let undo = async move {
        let _held = turn;
        let record = state.store.undo_import(&owner, &caller.by).await?;
        let counts = record.counts;
        tracing::info!(%owner, ?counts, "an import was undone");
        Ok::<_, Problem>(record)
    };
    let running = tokio::spawn(undo.in_current_span());
    let record = running.await.map_err(|_| ImportError::Interrupted)??;
    Ok(dialect.json(record.into()))
}
