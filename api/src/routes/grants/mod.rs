//! Grants: which user may have which refs.

mod batch;
mod delete;
mod get;
mod path;
mod update;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(batch::create_grant_batch))
        .routes(routes!(
            get::get_grants,
            update::update_grants,
            delete::delete_grants
        ))
}
