//! `GET /container_gateway/users`.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    auth::Manager,
    extract::Json,
    problem::{Problem, Refused},
    state::AppState,
};

/// The users that the gateway knows.
#[derive(Serialize, ToSchema)]
pub struct GatewayUsers {
    /// Their names, sorted.
    users: Vec<String>,
}

/// The users whose repositories the content system is to say: those that it fed, those who may log in here, and those
/// who are logged in.
#[utoipa::path(
    get,
    path = "/users",
    operation_id = "list_gateway_users",
    tag = "container gateway",
    responses((status = 200, body = GatewayUsers, description = "The users."), Refused)
)]
pub async fn list_gateway_users(
    Manager(caller): Manager,
    State(state): State<AppState>,
) -> Result<Json<GatewayUsers>, Problem> {
    caller.check_unbound()?;
    let users = state.store.gateway_users(state.clock.now()).await?;
    let users = users.into_iter().collect();
    Ok(Json(GatewayUsers { users }))
}
