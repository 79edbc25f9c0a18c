//! `GET /v2/token`: as docker, podman, skopeo and Flatpak ask.

use axum::{extract::State, http::request::Parts};
use portolan_domain::gateway::Subject;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Answered, Holder, RegistryTokenAnswer,
    credentials::{Authorized, authorized},
    give, refused,
};
use crate::{
    auth::address_of, extract::Query, gateway::host, problem::Problem,
    routes::gateway::responses::RegistryRefused, state::AppState,
};

/// What is asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TokenQuery {
    /// The scopes, each as often as wanted: `repository:a/b:pull`.
    #[serde(default)]
    #[param(required = false)]
    scope: Vec<String>,
    /// `true`: a refresh token, too.
    #[serde(default)]
    #[param(required = false, value_type = String)]
    offline_token: String,
}

/// A token for the user whose name and password the header `Authorization` has, for the host whose certificate is
/// shown, or for nobody in particular. What may not be had is left out, and is no error. The service, the account and
/// the client's name may be said, too: the token is for this service, and for who showed a password.
#[utoipa::path(
    get,
    path = "/v2/token",
    operation_id = "get_registry_token",
    tag = "container gateway",
    security((), ("registry_login" = [])),
    params(TokenQuery),
    responses(
        (status = 200, body = RegistryTokenAnswer, description = "The token."),
        RegistryRefused,
    )
)]
pub async fn get_registry_token(
    State(state): State<AppState>,
    Query(query): Query<TokenQuery>,
    parts: Parts,
) -> Result<Answered, Problem> {
    let offline = query.offline_token == "true" || query.offline_token == "1";
    let holder = holder(&parts, offline, &state).await;
    let holder = holder.map_err(|problem| refused(problem, &parts, &state))?;
    give(holder, &query.scope, &state).await
}

async fn holder(parts: &Parts, offline: bool, state: &AppState) -> Result<Holder, Problem> {
    if let Authorized::By(credentials) = authorized(&parts.headers)? {
        let address = address_of(parts, state);
        let login = state.gateway.logins.log_in(&credentials, offline, address);
        return Ok(Holder::User(login.await?));
    }
    let host = host(parts, state)?;
    Ok(Holder::Other(host.map_or(Subject::Anybody, Subject::Host)))
}
