//! The operator's CDNs.

mod body;
mod check;
mod create;
mod delete;
mod get;
mod list;
mod signing;
mod update;
mod view;

use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::{body::parse_certificate, view::Cdn};
use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create::create_cdn, list::list_cdns))
        .routes(routes!(
            get::get_cdn,
            update::update_cdn,
            delete::delete_cdn
        ))
        .routes(routes!(check::create_cdn_check))
}
