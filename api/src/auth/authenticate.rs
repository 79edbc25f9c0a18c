//! From a request to its caller: an API key, an OAuth signature, or a client certificate.
//!
//! The header `Authorization` counts alone where there is one: a wrong key is not rescued by a
//! certificate that happens to be there.

use std::{net::IpAddr, sync::Arc, time::Instant};

use axum::http::{HeaderMap, Method, header, request::Parts};
use portolan_storage::{Actor, Lookup};

use super::{
    api_key::Secret,
    caller::Caller,
    client_address,
    keyring::Known,
    oauth_caller, presented,
    refusal::{Refusal, too_many, unauthorized},
};
use crate::{
    audit::Trail,
    problem::{Problem, RequestId},
    server::Peer,
    state::AppState,
};

/// What a request shows.
enum Shown<'a> {
    Bearer(&'a str),
    OAuth(&'a str),
    Nothing,
}

/// Who sends this request.
///
/// # Errors
/// 401 where there is no valid credential, 429 where there were too many wrong ones or the caller asks
/// for too much, 503 where it cannot be known.
pub async fn authenticate(parts: &Parts, state: &AppState) -> Result<Caller, Problem> {
    let address = address_of(parts, state);
    let found = match shown(&parts.headers) {
        Ok(Shown::Bearer(token)) => by_key(token, state, address).await,
        Ok(Shown::OAuth(header)) => oauth_caller::find(header, parts, state, address).await,
        Ok(Shown::Nothing) => by_certificate(parts, state, address).await,
        Err(refusal) => Err(refusal),
    };
    let known = found.map_err(|refusal| refuse(refusal, state, address))?;
    let now = state.clock.now();
    if !known.credential.counts_at(now) {
        return Err(refuse(Refusal::Expired, state, address));
    }
    if let Some(address) = address {
        state.gate.succeeded(address, Instant::now());
    }
    known.used(now);
    let credential = &known.credential;
    let by = Actor {
        kind: credential.kind.principal(),
        name: credential.name.clone(),
        address,
        request_id: parts
            .extensions
            .get()
            .map(|id: &RequestId| id.0.to_string()),
        at: now,
    };
    let trail = parts.extensions.get::<Trail>().cloned();
    if let Some(trail) = &trail {
        trail.belongs_to(&by);
    }
    let is_write = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(&parts.method);
    state
        .gate
        .pass(credential.id, is_write, Instant::now())
        .map_err(|wait| too_many("This credential asks for more than it may.", wait))?;
    Ok(Caller::new(known, by, trail))
}

/// Where a request comes from, where that is known.
pub fn address_of(parts: &Parts, state: &AppState) -> Option<IpAddr> {
    let peer = parts.extensions.get::<Peer>()?;
    Some(client_address(
        peer,
        &parts.headers,
        &state.config.http.trusted_proxies,
    ))
}

fn shown(headers: &HeaderMap) -> Result<Shown<'_>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(Shown::Nothing);
    };
    if values.next().is_some() {
        return Err(Refusal::Scheme);
    }
    let value = value.to_str().map_err(|_| Refusal::Scheme)?;
    let (scheme, rest) = value.split_once(' ').ok_or(Refusal::Scheme)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(Shown::Bearer(rest.trim()))
    } else if scheme.eq_ignore_ascii_case("oauth") {
        Ok(Shown::OAuth(value))
    } else {
        Err(Refusal::Scheme)
    }
}

async fn by_key(
    token: &str,
    state: &AppState,
    address: Option<IpAddr>,
) -> Result<Arc<Known>, Refusal> {
    let secret = Secret::parse(token).map_err(|_| Refusal::Key)?;
    find(Lookup::api_key(secret.sha256()), state, address)
        .await?
        .ok_or(Refusal::Key)
}

/// A certificate counts by its fingerprint, else by its subject, where a client CA vouches for it.
async fn by_certificate(
    parts: &Parts,
    state: &AppState,
    address: Option<IpAddr>,
) -> Result<Arc<Known>, Refusal> {
    let presented = presented(parts, state).map_err(|problem| Refusal::Other(Box::new(problem)))?;
    let Some(certificate) = presented else {
        return Err(Refusal::None);
    };
    let by_fingerprint = Lookup::certificate(certificate.sha256);
    // What memory knows to count by its fingerprint needs no client CA.
    if state.keyring.knows(&by_fingerprint)
        && let Some(known) = find(by_fingerprint, state, address).await?
    {
        return Ok(known);
    }
    let subject = certificate.subject(state);
    let by_subject = subject.map(|name| Lookup::subject(name.as_str()));
    let is_guess = !by_subject.is_some_and(|subject| state.keyring.knows(&subject));
    if is_guess {
        check_lookups(state, address)?;
    }
    for lookup in [Some(by_fingerprint), by_subject].into_iter().flatten() {
        if let Some(known) = ask(lookup, state).await? {
            return Ok(known);
        }
    }
    Err(Refusal::Certificate)
}

/// Asks for a credential. What memory knows costs nothing and is never refused; of the rest, one
/// address may have only so much looked up.
pub(super) async fn find(
    lookup: Lookup,
    state: &AppState,
    address: Option<IpAddr>,
) -> Result<Option<Arc<Known>>, Refusal> {
    if !state.keyring.knows(&lookup) {
        check_lookups(state, address)?;
    }
    ask(lookup, state).await
}

async fn ask(lookup: Lookup, state: &AppState) -> Result<Option<Arc<Known>>, Refusal> {
    let found = state.keyring.find(lookup).await;
    found.map_err(|error| Refusal::Other(Box::new(error.into())))
}

fn check_lookups(state: &AppState, address: Option<IpAddr>) -> Result<(), Refusal> {
    let taken = address.map_or(Ok(()), |address| {
        state.gate.look_up(address, Instant::now())
    });
    taken.map_err(Refusal::TooManyGuesses)
}

/// Tells the caller, and remembers that somebody guessed.
fn refuse(refusal: Refusal, state: &AppState, address: Option<IpAddr>) -> Problem {
    if !refusal.is_a_wrong_credential() {
        return unauthorized(refusal);
    }
    let taken = address.map_or(Ok(()), |address| state.gate.failed(address, Instant::now()));
    if let Err(wait) = taken {
        return unauthorized(Refusal::TooManyGuesses(wait));
    }
    state.audit.credential_failed(address);
    unauthorized(refusal)
}
