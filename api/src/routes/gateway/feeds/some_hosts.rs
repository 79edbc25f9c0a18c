//! `PUT /container_gateway/update_host_repositories`.

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

/// Which of these hosts may pull what.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "read by the document alone: it is read as it comes"
)]
pub struct SomeHosts {
    /// Hosts by uuid, each with all repositories that are theirs: `[{"<uuid>":[…]}]`.
    hosts: Vec<BTreeMap<String, Vec<ListedRepository>>>,
}

/// Says which repositories these hosts may pull. The others keep what they have.
#[utoipa::path(
    put,
    path = "/update_host_repositories",
    operation_id = "update_gateway_host_repositories",
    tag = "container gateway",
    request_body = SomeHosts,
    responses(
        (status = 200, body = Fed, description = "It counts from now on."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "It is too large (`gateway.feed_bytes`)."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "It is no JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn update_gateway_host_repositories(
    Manager(caller): Manager,
    State(state): State<AppState>,
    request: Request,
) -> Result<Json<Fed>, Problem> {
    map(&caller, request, &state, (HolderKind::Host, Others::Kept)).await
}
