//! Imports and their records.

mod create;
mod create_async;
mod delete;
mod list;
mod query;
mod restore;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(
            create::create_import,
            list::list_imports,
            delete::delete_import
        ))
        .routes(routes!(create_async::create_import_job))
        .routes(routes!(restore::create_import_restore))
}
