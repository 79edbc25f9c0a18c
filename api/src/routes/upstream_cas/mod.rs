//! Upstream CAs: the trust anchors.

mod create;
mod delete;
mod get;
mod list;
mod orphans;
mod view;

use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::orphans::Orphans;
use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create::create_upstream_ca, list::list_upstream_cas))
        .routes(routes!(get::get_upstream_ca, delete::delete_upstream_ca))
}
