//! Jobs: imports that run without their client.

mod delete;
mod get;
mod view;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::AppState;

pub use view::{JobResult, JobStatus};

/// The routes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get::get_job, delete::delete_job))
}
