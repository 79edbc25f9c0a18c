//! `PUT` of content: refused.

use crate::{
    gateway::unsupported,
    problem::{Problem, RegistryErrors},
};

/// Pushing a manifest or a blob is not supported: 404 `UNSUPPORTED`.
#[utoipa::path(
    put,
    path = "/v2/{*rest}",
    operation_id = "update_registry_content",
    tag = "container gateway",
    security(()),
    params(("rest" = String, Path, description = "Whatever is to be changed.")),
    responses((status = 404, body = RegistryErrors, description = "It is not supported."))
)]
pub async fn update_registry_content() -> Problem {
    unsupported()
}
