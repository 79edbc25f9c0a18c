//! `GET /metrics`: figures for Prometheus, with a credential. `metrics.listen` opens a port for them
//! without one.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Auditor, forbidden},
    metrics::{Form, Metrics},
    problem::{Problem, Refused},
    state::AppState,
};

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_metrics))
}

/// Figures in Prometheus' text format, or in that of `OpenMetrics` where `Accept` names it. They are of all owners: a
/// credential that is bound to some does not see them.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "get_metrics",
    tag = "monitoring",
    responses(
        (status = 200, body = String, content_type = "text/plain",
         description = "The figures."),
        Refused,
    )
)]
async fn get_metrics(
    Auditor(caller): Auditor,
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if caller.only_owners().is_some() {
        let detail = "The figures are of all owners, and this credential is bound to some. Use one \
                      that is bound to none.";
        return Err(forbidden(detail));
    }
    answer(&state.metrics, Form::wanted(&headers)).await
}

/// The figures as an answer.
///
/// # Errors
/// Where they cannot be written.
pub async fn answer(metrics: &Metrics, form: Form) -> Result<Response, Problem> {
    let text = metrics.text(form).await.map_err(|error| {
        tracing::error!(%error, "the figures cannot be written");
        let title = "The service failed";
        let detail = "The figures cannot be written. The log has more under the request's id.";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", title, detail)
    })?;
    let media_type = HeaderValue::from_static(form.media_type());
    Ok(([(header::CONTENT_TYPE, media_type)], text).into_response())
}
