//! `GET /v1/_ping`: whether this is a registry of the first version, which answers a search.

use axum::http::HeaderMap;

use super::{responses::RegistryRefused, search::refuse_second_version};
use crate::{
    extract::Json,
    problem::{Problem, RegistryErrors},
};

/// Answers `true` to whoever speaks the first version.
#[utoipa::path(
    get,
    path = "/v1/_ping",
    operation_id = "get_registry_ping",
    tag = "container gateway",
    security(()),
    responses(
        (status = 200, body = bool, content_type = "application/json", description = "It is one, for searching."),
        (status = 404, body = RegistryErrors, description = "The client speaks the second version."),
        RegistryRefused,
    )
)]
pub async fn get_registry_ping(headers: HeaderMap) -> Result<Json<bool>, Problem> {
    refuse_second_version(&headers)?;
    Ok(Json(true))
}
