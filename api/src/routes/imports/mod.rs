//! Imports and their records.

mod create;
mod delete;
mod list;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(
        create::create_import,
        list::list_imports,
        delete::delete_import
    ))
}
