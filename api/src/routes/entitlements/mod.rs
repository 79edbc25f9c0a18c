//! What proxies ask for every content request.

mod cdn_info;
mod path;
mod upstream_cert;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(cdn_info::get_cdn_info))
        .routes(routes!(upstream_cert::get_upstream_cert))
}
