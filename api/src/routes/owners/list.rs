//! `GET /owners`.

use axum::extract::State;
use portolan_domain::ids::OwnerKey;

use super::view::Owner;
use crate::{
    auth::Viewer,
    extract::{Dialect, Paged, Paging, Query, Shaped},
    problem::{BadRequest, Problem, Refused},
    state::AppState,
};

/// The owners that the caller may see, by key.
#[utoipa::path(
    get,
    path = "/owners",
    operation_id = "list_owners",
    tag = "owners",
    params(Paging),
    responses(
        (status = 200, body = Vec<Owner>, description = "The owners.",
         headers(("Link" = String, description = "Where the next page is, if there is one."))),
        BadRequest, Refused,
    )
)]
pub async fn list_owners(
    Viewer(caller): Viewer,
    State(state): State<AppState>,
    dialect: Dialect,
    Query(paging): Query<Paging>,
) -> Result<Paged<Shaped<Owner>>, Problem> {
    let (after, limit) = (paging.cursor.as_deref(), paging.limit()?);
    if after.is_some_and(|after| after.parse::<OwnerKey>().is_err()) {
        return Err(Problem::bad_request("The cursor is not one of this list."));
    }
    let page = state
        .store
        .owners(caller.only_owners(), after, limit)
        .await?;
    let mut owners = Vec::with_capacity(page.items.len());
    for owner in page.items {
        owners.push(Owner::of(&state, owner).await?);
    }
    let last = owners.last().map(|owner| owner.key.clone());
    let owners = owners.into_iter().map(|owner| dialect.shape(owner));
    Ok(paging.answer(owners.collect(), last.filter(|_| page.more)))
}
