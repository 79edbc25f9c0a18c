//! `PUT /container_gateway/user_repository_mapping`.

use std::collections::BTreeMap;

use axum::extract::{Request, State};
use portolan_storage::{HolderKind, Others};
use utoipa::ToSchema;

use super::{Fed, ListedRepository, map};
use crate::{
    auth::Manager,
    extract::Json,
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
};

/// Who may pull what.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "read by the document alone: it is read as it comes"
)]
pub struct UserMapping {
    /// Users by name, each with all repositories that are theirs: `[{"alice":[…]}]`.
    users: Vec<BTreeMap<String, Vec<ListedRepository>>>,
}

/// Says which repositories each user may pull. Whoever is not named may pull nothing but what needs no token.
/// A repository that nobody has named yet is listed from now on. Of the others the list says whether they are there,
/// and whether they need a token.
#[utoipa::path(
    put,
    path = "/user_repository_mapping",
    operation_id = "update_gateway_user_repositories",
    tag = "container gateway",
    request_body = UserMapping,
    responses(
        (status = 200, body = Fed, description = "It counts from now on."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "It is too large (`gateway.feed_bytes`)."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "It is no JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn update_gateway_user_repositories(
    Manager(caller): Manager,
    State(state): State<AppState>,
    request: Request,
) -> Result<Json<Fed>, Problem> {
    map(
        &caller,
        request,
        &state,
        (HolderKind::User, Others::Removed),
    )
    .await
}
