//! `POST /cdn/{label}/check`.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::CdnPath;
use crate::{
    auth::Admin,
    cdn_check::{CdnCheck, CheckPath, CheckRefusal, MOST_AT_ONCE},
    extract::{Json, Path},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
};

/// What to ask for. The body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckRequest {
    /// The path below the CDN's URL.
    #[serde(default)]
    #[schema(value_type = Option<String>, default = "/", max_length = 2048, pattern = r"^/[A-Za-z0-9._~%!$&'()*+,;=:@/?-]*$")]
    path: Option<CheckPath>,
}

/// Connects to a CDN as a proxy does, and tells what is there. Nothing is stored.
#[utoipa::path(
    post,
    path = "/cdn/{label}/check",
    operation_id = "create_cdn_check",
    tag = "CDNs",
    params(CdnPath),
    request_body = Option<CheckRequest>,
    responses(
        (status = 200, body = CdnCheck, description = "What was found, whether it is well or not."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such CDN."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn create_cdn_check(
    _admin: Admin,
    State(state): State<AppState>,
    Path(path): Path<CdnPath>,
    body: Option<Json<CheckRequest>>,
) -> Result<Json<CdnCheck>, Problem> {
    let asked = body.map(|Json(asked)| asked).unwrap_or_default();
    let cdn = state.store.cdn(&path.label).await?;
    let asked = asked.path.unwrap_or_default();
    Ok(Json(state.cdn_checker.check(&cdn, &asked).await?))
}

impl From<CheckRefusal> for Problem {
    fn from(refusal: CheckRefusal) -> Self {
        match refusal {
            CheckRefusal::NotAllowed(what) => {
                let detail = format!(
                    "{what}. Whoever runs the service names it in cdn.check_allow first; nothing \
                     was connected to."
                );
                let title = "The check is not allowed";
                Self::new(
                    StatusCode::FORBIDDEN,
                    "cdn-check-not-allowed",
                    title,
                    detail,
                )
            }
            CheckRefusal::Busy => {
                let detail = format!("{MOST_AT_ONCE} checks run at once. Try again soon.");
                let (status, title) = (StatusCode::SERVICE_UNAVAILABLE, "The service is busy");
                Self::new(status, "busy", title, detail)
                    .header(RETRY_AFTER, HeaderValue::from_static("10"))
            }
            CheckRefusal::Internal(why) => {
                tracing::error!(%why, "a CDN cannot be checked");
                let detail = "Something failed here. The log has more under the request's id.";
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Self::new(status, "internal", "The service failed", detail)
            }
        }
    }
}
