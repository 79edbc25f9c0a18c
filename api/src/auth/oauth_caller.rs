//! From an OAuth signature to its consumer.

use std::{net::IpAddr, sync::Arc};

use axum::{extract::OriginalUri, http::request::Parts};
use portolan_domain::digest::Sha256Digest;
use portolan_storage::Lookup;
use time::{Duration, OffsetDateTime};

use super::{
    authenticate::find as find_known,
    keyring::Known,
    oauth::{OAuthError, OAuthRequest, Verified, WINDOW, signed_url},
    refusal::Refusal,
};
use crate::state::AppState;

/// The consumer that signed this request.
pub async fn find(
    header: &str,
    parts: &Parts,
    state: &AppState,
    address: Option<IpAddr>,
) -> Result<Arc<Known>, Refusal> {
    let request = OAuthRequest::parse(header).map_err(Refusal::Signature)?;
    // Before the consumer is looked for: what is missing here is the operator's to set.
    let target = parts.extensions.get::<OriginalUri>();
    let target = target.map_or(&parts.uri, |original| &original.0);
    let public = state.config.http.public_url.as_ref();
    let url = signed_url(target, parts.version, public).map_err(Refusal::Signature)?;

    let lookup = Lookup::oauth(request.consumer_key());
    let known = find_known(lookup, state, address).await?;
    let known = known.ok_or(Refusal::Consumer)?;
    let secret = known.secret.as_ref().ok_or(Refusal::Consumer)?;
    let now = state.clock.now();
    let verified = request
        .verify(&parts.method, &url, secret.expose().as_bytes(), now)
        .map_err(Refusal::Signature)?;
    state
        .nonces
        .remember(verified, now)
        .map_err(Refusal::Signature)?;
    if state.config.access.shared_nonces {
        take_shared(verified, state, now).await?;
    }
    Ok(known)
}

/// Takes the nonce for all nodes. Where that cannot be known, the request is refused: it may be a
/// replay of one that another node took.
async fn take_shared(
    request: Verified<'_>,
    state: &AppState,
    now: OffsetDateTime,
) -> Result<(), Refusal> {
    let (consumer, nonce) = (request.consumer_key(), request.nonce());
    let text = format!("{consumer}\0{}\0{nonce}", request.timestamp());
    let expires = now + Duration::seconds(2 * WINDOW);
    let taken = state
        .store
        .take_nonce(Sha256Digest::of(text.as_bytes()), expires);
    match taken.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::Signature(OAuthError::Replayed)),
        Err(error) => Err(Refusal::Other(Box::new(error.into()))),
    }
}
