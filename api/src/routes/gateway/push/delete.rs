//! `DELETE` of content: refused.

use crate::{
    gateway::unsupported,
    problem::{Problem, RegistryErrors},
};

/// Deleting a manifest or a blob is not supported: 404 `UNSUPPORTED`.
#[utoipa::path(
    delete,
    path = "/v2/{*rest}",
    operation_id = "delete_registry_content",
    tag = "container gateway",
    security(()),
    params(("rest" = String, Path, description = "Whatever is to be changed.")),
    responses((status = 404, body = RegistryErrors, description = "It is not supported."))
)]
pub async fn delete_registry_content() -> Problem {
    unsupported()
}
