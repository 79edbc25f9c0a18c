//! Owners: the tenants.

mod create;
mod delete;
mod get;
mod list;
mod update;
mod view;

use utoipa_axum::{router::OpenApiRouter, routes};

pub use view::DisplayName;

use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create::create_owner, list::list_owners))
        .routes(routes!(
            get::get_owner,
            update::update_owner,
            delete::delete_owner
        ))
}
