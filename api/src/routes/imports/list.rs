//! `GET /owners/{owner_key}/imports`.

use axum::extract::State;

use crate::{
    auth::Viewer,
    extract::{Dialect, OwnerPath, Paged, Paging, Path, Query, Shaped},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
    view::ImportRecord,
};

/// The owner's import records, newest first, failures included.
#[utoipa::path(
    get,
    path = "/owners/{owner_key}/imports",
    operation_id = "list_imports",
    tag = "imports",
    params(OwnerPath, Paging),
    responses(
        (status = 200, body = Vec<ImportRecord>, description = "The records.",
         headers(("Link" = String, description = "Where the next page is, if there is one."))),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        BadRequest, Refused,
    )
)]
pub async fn list_imports(
    Viewer(caller): Viewer,
    State(state): State<AppState>,
    dialect: Dialect,
    Path(path): Path<OwnerPath>,
    Query(paging): Query<Paging>,
) -> Result<Paged<Shaped<ImportRecord>>, Problem> {
    caller.check_owner(&path.owner_key)?;
    let limit = paging.limit()?;
    let after = paging.cursor.as_deref().map(str::parse).transpose();
    let after = after.map_err(|_| Problem::bad_request("The cursor is not one of this list."))?;
    let page = state.store.imports(&path.owner_key, after, limit).await?;
    let last = page.items.last().map(|record| record.id.to_string());
    let records = page.items.into_iter().map(ImportRecord::from);
    let records = records.map(|record| dialect.shape(record)).collect();
    Ok(paging.answer(records, last.filter(|_| page.more)))
}
