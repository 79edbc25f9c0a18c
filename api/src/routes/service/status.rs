//! `GET /status`: what Candlepin's clients ask first.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{extract::Json, state::AppState, view::Timestamp};

/// As Candlepin answers it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether the service works.
    pub result: bool,
    /// `NORMAL`.
    pub mode: &'static str,
    /// The product's version.
    pub version: &'static str,
    /// The release of that version.
    pub release: &'static str,
    /// Always true: it works without its upstream server.
    pub standalone: bool,
    /// What clients may rely on.
    pub manager_capabilities: Vec<&'static str>,
    /// The service's clock.
    #[serde(rename = "timeUTC")]
    pub time_utc: Timestamp,
}

/// What this service is, and that it works.
#[utoipa::path(
    get,
    path = "/status",
    operation_id = "get_status",
    tag = "service",
    security(()),
    responses((status = 200, body = Status, description = "The service works."))
)]
pub async fn get_status(State(state): State<AppState>) -> Json<Status> {
    Json(Status {
        result: true,
        mode: "NORMAL",
        version: env!("CARGO_PKG_VERSION"),
        release: "1",
        standalone: true,
        manager_capabilities: vec!["cdn_info"],
        time_utc: Timestamp(state.clock.now()),
    })
}
