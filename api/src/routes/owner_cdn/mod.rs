//! Where one owner's content is.

mod delete;
mod get;
mod update;
mod view;

use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::view::OwnerCdn;
use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(
        get::get_owner_cdn,
        update::update_owner_cdn,
        delete::delete_owner_cdn
    ))
}
