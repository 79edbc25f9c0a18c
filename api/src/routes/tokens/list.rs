//! `GET /tokens`: which tokens are known by their ids.

use axum::extract::State;
use portolan_storage::KnownToken;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    auth::Issuer,
    extract::{Paged, Paging, Query},
    problem::{BadRequest, Problem, Refused},
    state::AppState,
    view::Timestamp,
};

/// A token that is known by its id. The token itself is kept nowhere.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KnownToken)]
pub struct KnownTokenView {
    /// Its id.
    jti: String,
    /// What people call it; null where it was not made by `portolan token create`.
    name: Option<String>,
    /// What it is about; null likewise.
    sub: Option<String>,
    /// When it was made; null likewise.
    created: Option<Timestamp>,
    /// When it ends; null where nobody knows.
    expires: Option<Timestamp>,
    /// When it was revoked by its id; null where it was not.
    revoked: Option<Timestamp>,
}

/// The tokens that `portolan token create` made and that have not ended long ago, and those that were
/// revoked by their ids, by id.
#[utoipa::path(
    get,
    path = "/tokens",
    operation_id = "list_tokens",
    tag = "tokens",
    params(Paging),
    responses(
        (status = 200, body = Vec<KnownTokenView>, description = "The tokens.",
         headers(("Link" = String, description = "Where the next page is, if there is one."))),
        BadRequest, Refused,
    )
)]
pub async fn list_tokens(
    Issuer(caller): Issuer,
    State(state): State<AppState>,
    Query(paging): Query<Paging>,
) -> Result<Paged<KnownTokenView>, Problem> {
    caller.check_unbound()?;
    let (limit, after) = (paging.limit()?, paging.cursor.as_deref());
    // Not every database takes such a text to compare with.
    if after.is_some_and(|after| after.contains(char::is_control)) {
        return Err(Problem::bad_request("The cursor is not one of this list."));
    }
    let page = state.store.known_tokens(after, limit).await?;
    let last = page.items.last().map(|token| token.jti.clone());
    let tokens = page.items.into_iter().map(KnownTokenView::from).collect();
    Ok(paging.answer(tokens, last.filter(|_| page.more)))
}

impl From<KnownToken> for KnownTokenView {
    fn from(token: KnownToken) -> Self {
        let created = token.issued.as_ref().map(|issued| issued.created_at);
        let (name, sub) = token.issued.map(|issued| (issued.name, issued.sub)).unzip();
        Self {
            jti: token.jti,
            name,
            sub,
            created: created.map(Timestamp),
            expires: token.expires_at.map(Timestamp),
            revoked: token.revoked_at.map(Timestamp),
        }
    }
}
