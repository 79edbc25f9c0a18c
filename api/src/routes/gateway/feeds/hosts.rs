//! `PUT /container_gateway/update_hosts`.

use std::collections::BTreeSet;

use axum::{
    extract::{Request, State},
    http::StatusCode,
};
use portolan_domain::gateway::is_name;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Fed, done, read_json, receive};
use crate::{
    auth::Manager,
    extract::Json,
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
};

/// The whole list of hosts.
#[derive(Deserialize, ToSchema)]
pub struct HostList {
    /// All hosts.
    hosts: Vec<ListedHost>,
}

/// A host.
#[derive(Deserialize, ToSchema)]
pub struct ListedHost {
    /// Its consumer's uuid, the common name of its certificate.
    #[schema(min_length = 1, max_length = 255)]
    uuid: String,
}

/// Makes this the list of hosts, and the whole of it. One that it does not name may pull nothing but what needs no
/// token; the others keep what they have.
#[utoipa::path(
    put,
    path = "/update_hosts",
    operation_id = "update_gateway_hosts",
    tag = "container gateway",
    request_body = HostList,
    responses(
        (status = 200, body = Fed, description = "It counts from now on."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "It is too large (`gateway.feed_bytes`)."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "It is no JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn update_gateway_hosts(
    Manager(caller): Manager,
    State(state): State<AppState>,
    request: Request,
) -> Result<Json<Fed>, Problem> {
    let file = receive(&caller, request, &state).await?;
    let fed: HostList = read_json(file, &state).await?;
    let uuids: BTreeSet<String> = fed.hosts.into_iter().map(|host| host.uuid).collect();
    if let Some(uuid) = uuids.iter().find(|uuid| !is_name(uuid)) {
        let detail =
            format!("The feed is refused: {uuid:.50?} is no host's uuid. Nothing was changed.");
        let title = "The feed is malformed";
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "gateway-feed-invalid",
            title,
            detail,
        ));
    }
    state.store.put_gateway_hosts(&uuids, &caller.by).await?;
    done(&state).await
}
