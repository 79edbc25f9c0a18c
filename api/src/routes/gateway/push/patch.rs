//! `PATCH` of content: refused.

use crate::{
    gateway::unsupported,
    problem::{Problem, RegistryErrors},
};

/// Pushing a part of a blob is not supported: 404 `UNSUPPORTED`.
#[utoipa::path(
    patch,
    path = "/v2/{*rest}",
    operation_id = "update_registry_upload",
    tag = "container gateway",
    security(()),
    params(("rest" = String, Path, description = "Whatever is to be changed.")),
    responses((status = 404, body = RegistryErrors, description = "It is not supported."))
)]
pub async fn update_registry_upload() -> Problem {
    unsupported()
}
