//! Tokens: children of a token, at the path of flat-manager, too.

mod subset;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(subset::create_token_subset))
        .routes(routes!(subset::create_flat_manager_token_subset))
}
