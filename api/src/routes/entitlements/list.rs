//! `GET /owners/{owner_key}/entitlements`.

use axum::extract::State;
use portolan_domain::ids::{EntitlementId, PoolId};
use portolan_storage::{EntitlementFilter, EntitlementKind};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    auth::Viewer,
    extract::{OwnerPath, Paged, Paging, Path, Query, given},
    problem::{BadRequest, Problem, ProblemBody, Refused},
    state::AppState,
    view::Entitlement,
};

/// The query of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Entitlements of this kind alone.
    #[serde(default, deserialize_with = "given")]
    #[param(required = false, inline)]
    kind: Option<Kind>,
    /// Entitlements of this pool alone.
    #[serde(default, deserialize_with = "given")]
    #[param(required = false, value_type = String, pattern = "^[A-Za-z0-9_-]{1,64}$")]
    pool_id: Option<PoolId>,
    /// Items on a page, 1 to 1000; 100 where it is left out.
    #[serde(default, deserialize_with = "given")]
    #[param(required = false, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// Where the page begins: taken from the `Link` of the page before.
    cursor: Option<String>,
}

/// A kind of entitlements.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Kind {
    /// Brought by manifests.
    Upstream,
    /// Registered here.
    Downstream,
}

/// The owner's entitlements of both kinds, by id, without key material.
#[utoipa::path(
    get,
    path = "/owners/{owner_key}/entitlements",
    operation_id = "list_entitlements",
    tag = "entitlements",
    params(OwnerPath, ListQuery),
    responses(
        (status = 200, body = Vec<Entitlement>, description = "The entitlements.",
         headers(("Link" = String, description = "Where the next page is, if there is one."))),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        BadRequest, Refused,
    )
)]
pub async fn list_entitlements(
    Viewer(caller): Viewer,
    State(state): State<AppState>,
    Path(path): Path<OwnerPath>,
    Query(query): Query<ListQuery>,
) -> Result<Paged<Entitlement>, Problem> {
    caller.check_owner(&path.owner_key)?;
    let filter = EntitlementFilter {
        kind: query.kind.map(EntitlementKind::from),
        pool: query.pool_id,
    };
    let paging = Paging::new(query.limit, query.cursor)
        .keeping("kind", filter.kind.map(EntitlementKind::as_str))
        .keeping("pool_id", filter.pool.as_ref().map(PoolId::as_str));
    let limit = paging.limit()?;
    let after = paging.cursor.as_deref().map(str::parse::<EntitlementId>);
    let after = after.transpose();
    let after = after.map_err(|_| Problem::bad_request("The cursor is not one of this list."))?;
    let page = state
        .store
        .entitlements(&path.owner_key, &filter, after.as_ref(), limit)
        .await?;
    let now = state.clock.now();
    let shown = |stored| Entitlement::of(stored, now);
    let items: Vec<Entitlement> = page.items.into_iter().map(shown).collect();
    let last = items.last().map(|item| item.id.clone());
    Ok(paging.answer(items, last.filter(|_| page.more)))
}

impl From<Kind> for EntitlementKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Upstream => Self::Upstream,
            Kind::Downstream => Self::Downstream,
        }
    }
}
