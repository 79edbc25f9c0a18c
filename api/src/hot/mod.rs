//! What is asked all the time, answered before anything else is done with it: where memory has all of it, and is
//! right. The answer is the one that the route gives; whatever else it is, a refusal, a question to the database, a
//! head, goes through the routes.

mod cdn_info;
mod token_subset;

use axum::http::HeaderMap;
use tracing::Level;

use crate::{state::AppState, telemetry::TRACEPARENT};

/// Answers from memory; cheap to clone.
#[derive(Clone)]
pub struct HotPath(AppState);

impl HotPath {
    /// Over this state.
    #[must_use]
    pub fn new(state: AppState) -> Self {
        Self(state)
    }

    /// Whether each answer has a line in the log, or this one a span: the routes make both.
    fn is_watched(&self, headers: &HeaderMap) -> bool {
        let is_traced = || self.0.config.tracing.otlp_endpoint.is_some();
        tracing::enabled!(target: "portolan::problem::middleware", Level::DEBUG)
            || (headers.contains_key(TRACEPARENT) && is_traced())
    }
}
