//! A narrower token, where memory has the keys and knows what was revoked.

use std::time::{Duration, Instant};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, Method, Request, Response, header},
    response::IntoResponse,
};
use futures_util::{StreamExt, future::Either, stream};
use http_body_util::{BodyDataStream, BodyExt};
use hyper::body::Incoming;
use portolan_domain::token::TokenKind;
use tokio::time::timeout;

use super::HotPath;
use crate::{
    auth::bearer,
    extract::read_object,
    metrics::HotRoute,
    problem::{RequestId, X_REQUEST_ID},
    routes::tokens::{TokenSubset, made},
};

/// Bytes of a body that is worth waiting for.
const SMALL: usize = 8 << 10;
/// How long it is waited for: what is small comes with its head.
const SOON: Duration = Duration::from_millis(100);

impl HotPath {
    /// Whether this asks for a narrower token, in the plainest way there is.
    pub(super) fn narrows<B: HttpBody>(request: &Request<B>) -> Option<HotRoute> {
        let uri = request.uri();
        let route = match uri.path() {
            "/token_subset" => HotRoute::TokenSubset,
            "/api/v1/token_subset" => HotRoute::FlatManagerTokenSubset,
            _ => return None,
        };
        let headers = request.headers();
        let is_json = headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind == "application/json");
        let is_plain = *request.method() == Method::POST
            && uri.query().is_none()
            && is_json
            && !headers.contains_key(header::EXPECT)
            && declared(headers).is_some();
        is_plain.then_some(route)
    }

    /// The answer, where memory alone can give it.
    ///
    /// # Errors
    /// The request as it came, for the routes.
    pub(super) async fn narrow(
        &self,
        route: HotRoute,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Request<Body>> {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let bytes = match whole(body, declared(&head.headers)).await {
            Either::Left(bytes) => bytes,
            Either::Right(body) => return Err(Request::from_parts(head, body)),
        };
        let Some(mut response) = self.narrowed(&head.headers, &bytes).await else {
            return Err(Request::from_parts(head, Body::from(bytes)));
        };
        let id = RequestId::header_of(&head.headers);
        response.headers_mut().insert(X_REQUEST_ID, id);
        let figures = self.0.metrics.http();
        figures.answered_from_memory(route, response.status(), started.elapsed());
        Ok(response)
    }

    async fn narrowed(&self, headers: &HeaderMap, body: &[u8]) -> Option<Response<Body>> {
        let state = &self.0;
        let prefix = state.config.tokens.strip_prefix.as_deref();
        let token = bearer(headers, prefix).ok()?;
        let accepted = [TokenKind::Access, TokenKind::FlatManager];
        let parent = state.tokens.remembered(token, &accepted)?;
        let asked: TokenSubset = read_object(body).ok()?;
        let child = state.tokens.subset(&parent, &asked.into()).await.ok()?;
        state.tokens.was_enough();
        Some(made(child).into_response())
    }
}

/// How many bytes the body has, where that is said and they are few.
fn declared(headers: &HeaderMap) -> Option<usize> {
    let length = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?;
    length.parse().ok().filter(|length| *length <= SMALL)
}

/// The whole body, where it comes at once; else a body that gives the same.
async fn whole(mut body: Incoming, length: Option<usize>) -> Either<Bytes, Body> {
    let Ok(Some(Ok(frame))) = timeout(SOON, body.frame()).await else {
        // Nothing was taken from it; or it broke, which it tells again.
        return Either::Right(Body::new(body));
    };
    let first = frame.into_data().unwrap_or_default();
    if Some(first.len()) == length {
        return Either::Left(first);
    }
    let first = stream::once(std::future::ready(Ok(first)));
    Either::Right(Body::from_stream(first.chain(BodyDataStream::new(body))))
}
