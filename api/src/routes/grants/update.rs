//! `PUT /owners/{owner_key}/grants/{user}`.

use std::collections::BTreeSet;

use axum::extract::{FromRequest, Request, State};
use portolan_domain::{
    grants::{GrantEntry, RefPattern},
    ids::CollectionId,
};
use serde::Deserialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::path::GrantPath;
use crate::{
    auth::Issuer,
    extract::{Json, JsonList, Path},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
    view::GrantedRefs,
};

/// Refs of one collection that a user is to have.
#[derive(Debug, Deserialize, ToSchema)]
// A misspelt until would grant for ever.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewGrant {
    /// A collection of the owner's own repositories.
    #[schema(value_type = String, max_length = 255,
             pattern = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$")]
    collection_id: CollectionId,
    /// Patterns of its refs, such as `app/org.example.Game/*/stable`: `*` stands for exactly one whole
    /// segment.
    #[schema(value_type = Vec<String>, min_items = 1)]
    refs: BTreeSet<RefPattern>,
    /// The instant from which they no longer count; left out or null: never.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required = false)]
    until: Option<OffsetDateTime>,
}

/// Makes this what an owner grants to a user, and all of it: an empty list takes everything back.
#[utoipa::path(
    put,
    path = "/owners/{owner_key}/grants/{user}",
    operation_id = "update_grants",
    tag = "grants",
    params(GrantPath),
    request_body = Vec<NewGrant>,
    responses(
        (status = 200, body = Vec<GrantedRefs>, description = "It is granted."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn update_grants(
    Issuer(caller): Issuer,
    State(state): State<AppState>,
    Path(path): Path<GrantPath>,
    request: Request,
) -> Result<Json<Vec<GrantedRefs>>, Problem> {
    // Before the body: who may not call is not told what is wrong with it.
    caller.check_owner(&path.owner_key)?;
    let JsonList(body) = JsonList::<NewGrant>::from_request(request, &state).await?;
    let entries = body.into_iter().map(|new| GrantEntry {
        collection: new.collection_id,
        refs: new.refs,
        until: new.until,
    });
    let granted = GrantEntry::all(entries.collect());
    let granted = granted.map_err(|why| Problem::bad_request(format!("In the body, {why}.")))?;
    let GrantPath { owner_key, user } = path;
    let stored = state
        .store
        .put_grants(&owner_key, &user, &granted, &caller.by)
        .await?;
    Ok(Json(GrantedRefs::all(&stored)))
}
