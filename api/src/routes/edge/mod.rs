//! What edges ask: which token a URL needs, whether the one at hand is enough, and where content is.

mod cdn_info;
mod envoy;
mod nginx;
mod required;
mod traefik;

use axum::routing::any;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// The routes. Envoy asks with its client's method: each of them gets an answer in the form that it
/// knows, and all but two are refused.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(required::get_edge_requirement))
        .routes(routes!(nginx::get_edge_authorization_nginx))
        .routes(routes!(traefik::get_edge_authorization_traefik))
        .routes(routes!(envoy::get_edge_authorization_envoy))
        .route(envoy::PATH, any(envoy::get_edge_authorization_envoy))
        .routes(routes!(cdn_info::get_edge_cdn_info))
}
