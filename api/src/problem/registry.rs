//! Refusals as registries write them (distribution specification, "Error Codes"): for the paths that clients of a
//! registry ask.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::Problem;

/// What tells clients that this is a registry of the second version.
pub const API_VERSION: (HeaderName, HeaderValue) = (
    HeaderName::from_static("docker-distribution-api-version"),
    HeaderValue::from_static("registry/2.0"),
);
/// Below what the routes stand on the service's own port.
const MOUNT: &str = "/container_gateway";

/// An answer that is another server's word: a refusal in it stays as it is.
#[derive(Debug, Clone, Copy)]
pub struct Verbatim;

/// A refusal as clients of a registry read it.
#[derive(Serialize, ToSchema)]
pub struct RegistryErrors {
    /// What is wrong.
    pub errors: Vec<RegistryError>,
}

/// One thing that is wrong.
#[derive(Serialize, ToSchema)]
pub struct RegistryError {
    /// Its code, such as `NAME_UNKNOWN`.
    pub code: &'static str,
    /// What was refused, why, and what to do now.
    pub message: String,
    /// `{"type":"urn:portolan:problem:<slug>","requestId":"…"}`.
    #[schema(value_type = Object)]
    pub detail: Value,
}

/// Whether a path is one that clients of a registry ask; `at_root` on the gateway's own listener.
pub fn is_asked_by_clients(path: &str, at_root: bool) -> bool {
    let below = |path: &str| {
        ["/v1", "/v2", "/index"].iter().any(|first| {
            let rest = path.strip_prefix(first);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let mounted = path.split_once(MOUNT);
    mounted.is_some_and(|(_, path)| below(path)) || (at_root && below(path))
}

/// The body of a refusal.
pub fn body(problem: &Problem, request_id: &str) -> Vec<u8> {
    let error = RegistryError {
        code: code(problem),
        message: problem.detail.clone(),
        detail: json!({
            "type": format!("urn:portolan:problem:{}", problem.slug),
            "requestId": request_id,
        }),
    };
    let errors = vec![error];
    serde_json::to_vec(&RegistryErrors { errors }).unwrap_or_default()
}

fn code(problem: &Problem) -> &'static str {
    match (problem.slug, problem.status) {
        ("registry-name-unknown", _) => "NAME_UNKNOWN",
        ("registry-page-invalid", _) => "PAGINATION_NUMBER_INVALID",
        ("registry-unsupported", _) | (_, StatusCode::METHOD_NOT_ALLOWED) => "UNSUPPORTED",
        (_, StatusCode::UNAUTHORIZED) => "UNAUTHORIZED",
        (_, StatusCode::FORBIDDEN) => "DENIED",
        (_, StatusCode::TOO_MANY_REQUESTS) => "TOOMANYREQUESTS",
        (_, status) if status == 502 || status == 503 => "UNAVAILABLE",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::is_asked_by_clients;

    #[test]
    fn only_registries_paths_speak_as_registries_do() {
        for (path, mounted, root) in [
            ("/v2/", false, true),
            ("/v2", false, true),
            ("/v1/search", false, true),
            ("/index/static", false, true),
            ("/container_gateway/v2/a/b/manifests/c", true, true),
            ("/candlepin/container_gateway/v2/", true, true),
            ("/container_gateway/users", false, false),
            ("/v22", false, false),
            ("/users", false, false),
            ("/owners/v2", false, false),
        ] {
            assert_eq!(is_asked_by_clients(path, false), mounted, "{path}");
            assert_eq!(is_asked_by_clients(path, true), root, "{path}");
        }
    }
}
