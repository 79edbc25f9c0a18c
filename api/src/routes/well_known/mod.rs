//! What others find at well-known paths (RFC 8615).

mod authorization_server;
mod jwks;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(jwks::get_jwks))
        .routes(routes!(authorization_server::get_authorization_server))
}
