//! What OAuth's clients ask of tokens, in its words: RFC 7662 and RFC 7009.

mod introspect;
mod revoke;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(introspect::create_introspection))
        .routes(routes!(revoke::create_oauth_revocation))
}
