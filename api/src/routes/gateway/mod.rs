//! The container gateway: what the content system feeds it, and what clients of a registry ask. Below
//! `/container_gateway`, and at the root of its own listener.

mod base;
mod catalog;
mod content;
mod feeds;
mod index;
mod ping;
mod push;
mod responses;
mod search;
mod token;
mod users;

use axum::http::{HeaderMap, HeaderValue, header};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

/// The headers of what one caller may see: a certificate leaves no mark in a request by which a cache in front would
/// tell callers apart.
fn private() -> HeaderMap {
    HeaderMap::from_iter([
        (header::CACHE_CONTROL, HeaderValue::from_static("private")),
        (header::VARY, HeaderValue::from_static("Authorization")),
    ])
}

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(feeds::repositories::update_gateway_repositories))
        .routes(routes!(feeds::users::update_gateway_user_repositories))
        .routes(routes!(feeds::hosts::update_gateway_hosts))
        .routes(routes!(feeds::host_mapping::update_gateway_host_mapping))
        .routes(routes!(feeds::some_hosts::update_gateway_host_repositories))
        .routes(routes!(users::list_gateway_users))
        .routes(routes!(base::get_registry))
        .routes(routes!(
            token::get::get_registry_token,
            token::post::create_registry_token
        ))
        .routes(routes!(catalog::list_registry_repositories))
        .routes(routes!(
            content::get_registry_content,
            push::put::update_registry_content,
            push::post::create_registry_content,
            push::patch::update_registry_upload,
            push::delete::delete_registry_content
        ))
        .routes(routes!(ping::get_registry_ping))
        .routes(routes!(search::list_registry_search_results))
        .routes(routes!(index::get_registry_index))
}
