//! What flat-manager's clients read of a refusal, on its paths: `error-type` and `message`.

use axum::http::StatusCode;

use super::Problem;

/// Whether flat-manager's clients call this path, below a compatible prefix, too.
fn is_called_by_them(path: &str) -> bool {
    path.ends_with("/token_subset") || path.contains("/api/v1/")
}

/// The two members, on these paths.
pub fn members(problem: &Problem, path: &str) -> Option<[(&'static str, String); 2]> {
    if !is_called_by_them(path) {
        return None;
    }
    let detail = problem.detail();
    let (kind, message) = match problem.status() {
        StatusCode::UNAUTHORIZED => ("invalid-token", detail.to_owned()),
        StatusCode::FORBIDDEN => {
            let message = format!("Not enough permissions: {detail}");
            ("token-insufficient", message)
        }
        StatusCode::NOT_FOUND => ("not-found", detail.to_owned()),
        status if status.is_server_error() => ("internal-error", detail.to_owned()),
        _ => ("generic-error", detail.to_owned()),
    };
    Some([("error-type", kind.to_owned()), ("message", message)])
}
