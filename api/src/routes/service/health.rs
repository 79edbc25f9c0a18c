//! `GET /health/live` and `/health/ready`: for whoever restarts it, and for whoever sends it traffic.

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    extract::Json,
    problem::{Problem, ProblemBody},
    state::AppState,
};

/// The service's health.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `up`.
    pub status: &'static str,
}

/// Whether the program runs. It asks nobody else: a restart would not bring the database back.
#[utoipa::path(
    get,
    path = "/health/live",
    operation_id = "get_liveness",
    tag = "service",
    security(()),
    responses((status = 200, body = Health, description = "The program runs."))
)]
pub async fn get_liveness() -> Json<Health> {
    Json(Health { status: "up" })
}

/// Whether the service can answer: the database is there.
#[utoipa::path(
    get,
    path = "/health/ready",
    operation_id = "get_readiness",
    tag = "service",
    security(()),
    responses(
        (status = 200, body = Health, description = "The service can answer."),
        (status = 503, body = ProblemBody, content_type = "application/problem+json",
         description = "The database does not answer."),
    )
)]
pub async fn get_readiness(State(state): State<AppState>) -> Result<Json<Health>, Problem> {
    // It needs no credential, so it must not cost a connection that somebody else could have.
    if state.pulse.generation().is_some() {
        return Ok(Json(Health { status: "up" }));
    }
    // A load balancer wants its answer now, not after the pool's patience.
    let ping = tokio::time::timeout(Duration::from_secs(1), state.store.ping()).await;
    if !matches!(ping, Ok(Ok(()))) {
        let detail = "The database does not answer.";
        let title = "The service is not available";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(Problem::new(status, "unavailable", title, detail)
            .header(RETRY_AFTER, HeaderValue::from_static("5")));
    }
    Ok(Json(Health { status: "up" }))
}
