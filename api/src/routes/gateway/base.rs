//! `GET /v2/`: whether this is a registry, and whether the caller is known to it.

use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::responses::RegistryRefused;
use crate::{
    extract::Json,
    gateway::{Caller, Origin},
    problem::Problem,
};

/// An empty object.
#[derive(Serialize, ToSchema)]
pub struct RegistryBase {}

/// Answers whoever shows a token that counts, or a certificate that a host CA vouches for. Everybody else is told where
/// to get a token.
#[utoipa::path(
    get,
    path = "/v2/",
    operation_id = "get_registry",
    tag = "container gateway",
    security((), ("registry" = [])),
    responses(
        (status = 200, body = RegistryBase, description = "The caller is known."),
        RegistryRefused,
    )
)]
pub async fn get_registry(
    caller: Caller,
    origin: Origin,
) -> Result<(StatusCode, Json<RegistryBase>), Problem> {
    if caller.is_known() {
        Ok((StatusCode::OK, Json(RegistryBase {})))
    } else {
        Err(origin.unauthorized(None, caller.shown))
    }
}
