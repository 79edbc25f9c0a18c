//! Exports, and the CAs that sign them.

mod create;
mod signing_ca;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create::create_export))
        .routes(routes!(signing_ca::get_signing_ca))
}
