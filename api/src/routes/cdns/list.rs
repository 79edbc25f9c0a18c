//! `GET /cdn`.

use axum::extract::State;
use portolan_domain::ids::CdnLabel;

use super::view::Cdn;
use crate::{
    auth::Viewer,
    extract::{Dialect, Paged, Paging, Query, Shaped},
    problem::{BadRequest, Problem, Refused},
    state::AppState,
};

/// The operator's CDNs, by label.
#[utoipa::path(
    get,
    path = "/cdn",
    operation_id = "list_cdns",
    tag = "CDNs",
    params(Paging),
    responses(
        (status = 200, body = Vec<Cdn>, description = "The CDNs.",
         headers(("Link" = String, description = "Where the next page is, if there is one."))),
        BadRequest, Refused,
    )
)]
pub async fn list_cdns(
    _viewer: Viewer,
    State(state): State<AppState>,
    dialect: Dialect,
    Query(paging): Query<Paging>,
) -> Result<Paged<Shaped<Cdn>>, Problem> {
    let (after, limit) = (paging.cursor.as_deref(), paging.limit()?);
    if after.is_some_and(|after| after.parse::<CdnLabel>().is_err()) {
        return Err(Problem::bad_request("The cursor is not one of this list."));
    }
    let page = state.store.cdns(after, limit).await?;
    let last = page.items.last().map(|cdn| cdn.label.to_string());
    let cdns = page.items.into_iter().map(Cdn::from);
    let cdns = cdns.map(|cdn| dialect.shape(cdn)).collect();
    Ok(paging.answer(cdns, last.filter(|_| page.more)))
}
