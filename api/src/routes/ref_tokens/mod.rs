//! Ref tokens: what a content server asks of who wants a ref.

mod create;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create::create_ref_tokens))
}
