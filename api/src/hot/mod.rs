//! What is asked all the time, answered before anything else is done with it: where memory has all of it, and is
//! right. The answer is the one that the route gives; whatever else it is, a refusal, a question to the database, a
//! head, goes through the routes.

mod cdn_info;
mod edge;
mod token_subset;

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, Request, Response},
};
use hyper::body::Incoming;
use tracing::Level;

use crate::{metrics::HotRoute, state::AppState, telemetry::TRACEPARENT};

/// Answers from memory; cheap to clone.
#[derive(Clone)]
pub struct HotPath(AppState);

impl HotPath {
    /// Over this state.
    #[must_use]
    pub fn new(state: AppState) -> Self {
        Self(state)
    }

    /// Which route this asks for, where memory may have all of it, though it takes a moment.
    pub fn asks<B: HttpBody>(&self, request: &Request<B>) -> Option<HotRoute> {
        let route = Self::edge(request).or_else(|| Self::narrows(request))?;
        (!self.is_watched(request.headers())).then_some(route)
    }

    /// The answer, where memory alone can give it.
    ///
    /// # Errors
    /// The request as it came, for the routes.
    pub async fn serve(
        &self,
        route: HotRoute,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Request<Body>> {
        match route {
            HotRoute::TokenSubset | HotRoute::FlatManagerTokenSubset => {
                self.narrow(route, request).await
            }
            HotRoute::CdnInfo | HotRoute::EdgeNginx | HotRoute::EdgeTraefik => {
                let decided = self.decide(route, request.headers()).await;
                decided.ok_or_else(|| request.map(Body::new))
            }
        }
    }

    /// Whether each answer has a line in the log, or this one a span: the routes make both.
    fn is_watched(&self, headers: &HeaderMap) -> bool {
        let is_traced = || self.0.config.tracing.otlp_endpoint.is_some();
        tracing::enabled!(target: "portolan::problem::middleware", Level::DEBUG)
            || (headers.contains_key(TRACEPARENT) && is_traced())
    }
}
