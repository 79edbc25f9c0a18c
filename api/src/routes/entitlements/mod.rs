//! Entitlements: what proxies ask for every content request, and what is registered for it.

mod batch;
mod cdn_info;
mod delete;
mod get;
mod info_query;
mod list;
mod owner_cdn_info;
mod path;
mod update;
mod upstream_cert;

use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::path::send_info;
use crate::state::AppState;

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get::get_entitlement, delete::delete_entitlement))
        .routes(routes!(cdn_info::get_cdn_info))
        .routes(routes!(upstream_cert::get_upstream_cert))
        .routes(routes!(list::list_entitlements))
        .routes(routes!(update::update_entitlement))
        .routes(routes!(batch::create_entitlement_batch))
        .routes(routes!(owner_cdn_info::get_owner_cdn_info))
}
