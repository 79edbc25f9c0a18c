//! `GET /upstream_cas`.

use std::collections::BTreeSet;

use axum::extract::State;
use portolan_domain::{ids::OwnerKey, trust::Anchor};

use super::view::UpstreamCa;
use crate::{
    auth::Viewer,
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
    Viewer(caller): Viewer,
    State(state): State<AppState>,
    Query(paging): Query<Paging>,
) -> Result<Paged<UpstreamCa>, Problem> {
    let limit = usize::try_from(paging.limit()?).unwrap_or(usize::MAX);
    let anchors = state.anchors.current();
    let after = paging.cursor.as_deref().unwrap_or_default();
    let own = caller.only_owners();
    let shown = |anchor: &&Anchor| {
        let (own, bound_to) = (own, anchor.settings.owners.as_ref());
        let shared = |own: &[OwnerKey], to: &BTreeSet<OwnerKey>| own.iter().any(|o| to.contains(o));
        own.zip(bound_to).is_none_or(|(own, to)| shared(own, to))
    };
    let names: BTreeSet<_> = anchors.iter().filter(shown).map(|a| &a.filename).collect();
    let mut names = names.into_iter().filter(|name| name.as_str() > after);
    let mut cas = Vec::new();
    for name in names.by_ref().take(limit) {
        let found = UpstreamCa::find(&state, &anchors, name).await?;
        cas.extend(found.and_then(|ca| ca.for_caller(&caller).ok()));
    }
    let last = cas.last().map(|ca| ca.filename.clone());
    Ok(paging.answer(cas, last.filter(|_| names.next().is_some())))
}
