//! `GET /upstream_cas`.

use std::collections::BTreeSet;

use axum::extract::State;

use super::view::UpstreamCa;
use crate::{
    auth::Manager,
    extract::{Paged, Paging, Query},
    problem::{BadRequest, Problem, Refused},
    state::AppState,
};

/// The upstream CAs by file name, and whom each verified.
#[utoipa::path(
    get,
    path = "/upstream_cas",
    operation_id = "list_upstream_cas",
    tag = "upstream CAs",
    params(Paging),
    responses(
        (status = 200, body = Vec<UpstreamCa>, description = "The CAs.",
         headers(("Link" = String, description = "Where the next page is, if there is one."))),
        BadRequest, Refused,
    )
)]
pub async fn list_upstream_cas(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Query(paging): Query<Paging>,
) -> Result<Paged<UpstreamCa>, Problem> {
    let limit = usize::try_from(paging.limit()?).unwrap_or(usize::MAX);
    let anchors = state.anchors.current();
    let after = paging.cursor.as_deref().unwrap_or_default();
    let names: BTreeSet<_> = anchors.iter().map(|anchor| &anchor.filename).collect();
    let mut names = names.into_iter().filter(|name| name.as_str() > after);
    let mut cas = Vec::new();
    for name in names.by_ref().take(limit) {
        cas.extend(UpstreamCa::find(&state, &anchors, name).await?);
    }
    // Which other tenants there are is not a tenant's business.
    if let Some(owners) = caller.only_owners() {
        let own = |key: &str| owners.iter().any(|owner| owner.as_str() == key);
        for ca in &mut cas {
            ca.upstream_consumers.retain(|c| own(&c.owner_key));
        }
    }
    let last = cas.last().map(|ca| ca.filename.clone());
    Ok(paging.answer(cas, last.filter(|_| names.next().is_some())))
}
