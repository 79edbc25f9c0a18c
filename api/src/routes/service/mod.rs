//! What the service says of itself.

mod health;
mod status;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(status::get_status))
        .routes(routes!(health::get_liveness))
        .routes(routes!(health::get_readiness))
}
