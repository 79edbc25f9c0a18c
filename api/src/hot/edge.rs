//! Whether a client may have a file, where memory knows the commit and the token.

use std::time::Instant;

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, Method, Request, Response},
};

use super::HotPath;
use crate::{
    edge::{Asked, authorize_from_memory},
    metrics::HotRoute,
    problem::{RequestId, X_REQUEST_ID},
};

impl HotPath {
    /// Which edge asks, where it does so in the plainest way there is.
    pub(super) fn edge<B: HttpBody>(request: &Request<B>) -> Option<HotRoute> {
        let uri = request.uri();
        let route = match uri.path() {
            "/edge/authorize/nginx" => HotRoute::EdgeNginx,
            "/edge/authorize/traefik" => HotRoute::EdgeTraefik,
            _ => return None,
        };
        let is_plain = *request.method() == Method::GET
            && uri.query().is_none()
            && request.body().is_end_stream();
        is_plain.then_some(route)
    }

    /// The decision, where it is that the client may.
    pub(super) async fn decide(
        &self,
        route: HotRoute,
        headers: &HeaderMap,
    ) -> Option<Response<Body>> {
        let started = Instant::now();
        let names = match route {
            HotRoute::EdgeTraefik => ("x-forwarded-uri", "x-forwarded-method"),
            _ => ("x-original-uri", "x-original-method"),
        };
        let asked = Asked::in_headers(headers, names, &Method::GET).ok()?;
        let mut response = authorize_from_memory(asked, headers, &self.0).await?;
        let id = RequestId::header_of(headers);
        response.headers_mut().insert(X_REQUEST_ID, id);
        let figures = self.0.metrics.http();
        figures.answered_from_memory(route, response.status(), started.elapsed());
        Some(response)
    }
}
