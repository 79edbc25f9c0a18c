//! What content proxies ask for every request, where memory has the credential and the answer.

use std::time::Instant;

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, Method, Request, Response, header::AUTHORIZATION},
};
use portolan_domain::ids::EntitlementId;
use portolan_storage::Lookup;

use super::HotPath;
use crate::{
    auth::{Reader, Secret, client_address, may_read},
    cache::Question,
    metrics::HotRoute,
    problem::{RequestId, X_REQUEST_ID},
    routes::entitlements::send_info,
    server::Peer,
};

impl HotPath {
    /// The answer, where memory alone can give it.
    pub fn answer<B: HttpBody>(&self, request: &Request<B>, peer: &Peer) -> Option<Response<Body>> {
        let id = entitlement(request)?;
        if self.is_watched(request.headers()) {
            return None;
        }
        let (state, instant) = (&self.0, Instant::now());
        let headers = request.headers();
        let key = Lookup::api_key(Secret::digest_of(bearer(headers)?).ok()?);
        let known = state.keyring.remembered(&key, instant)?;
        let now = state.clock.now();
        let credential = &known.credential;
        if !credential.counts_at(now) || !Reader::ROLES.contains(&credential.role) {
            return None;
        }
        let question = Question::Entitlement(id);
        let found = state.cache.remembered(&question, (instant, now))?;
        if !may_read(credential, found.answer.owner()) {
            return None;
        }
        state.gate.pass(credential.id, false, instant).ok()?;
        let address = client_address(peer, headers, &state.config.http.trusted_proxies);
        state.gate.succeeded(address, instant);
        known.used(now);
        state.cache.count_hit();
        let mut response = send_info(&found, headers);
        if response.status().is_success() {
            let by = (credential.kind.principal(), credential.name.as_str());
            state.audit.key_material_read(by, found.answer.owner(), now);
        }
        let id = RequestId::header_of(headers);
        response.headers_mut().insert(X_REQUEST_ID, id);
        let (status, took) = (response.status(), instant.elapsed());
        let figures = state.metrics.http();
        figures.answered_from_memory(HotRoute::CdnInfo, status, took);
        Some(response)
    }
}

/// Which entitlement is asked for, where nothing else is.
fn entitlement<B: HttpBody>(request: &Request<B>) -> Option<EntitlementId> {
    let uri = request.uri();
    let id = uri.path().strip_prefix("/entitlements/")?;
    let id = id.strip_suffix("/cdn_info")?;
    let is_plain =
        *request.method() == Method::GET && uri.query().is_none() && request.body().is_end_stream();
    // An id that is written with percent signs is none as it stands.
    id.parse().ok().filter(|_| is_plain)
}

/// The API key, where it is the only credential.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let key = value.strip_prefix("Bearer ")?;
    values.next().is_none().then_some(key)
}
