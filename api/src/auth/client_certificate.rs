//! The client's certificate, as far as it counts for one request.
//!
//! It comes from the TLS connection, or from a trusted proxy's header (`proxy_header.rs`). Both are
//! judged alike, and for each request: a connection may live for days, while certificates end, and
//! CAs are taken away.

use axum::http::request::Parts;
use portolan_domain::{
    digest::Sha256Digest, distinguished_name::DistinguishedName, trust::ClientChain,
};
use time::OffsetDateTime;

use super::proxy_header::forwarded;
use crate::{problem::Problem, server::Peer, state::AppState};

/// A certificate that the client has the key of, valid now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedCertificate {
    /// SHA-256 of its DER: by this it may count whoever issued it.
    pub sha256: Sha256Digest,
    /// Its subject, only where a client CA vouches for it, and no upstream CA is in its chain.
    pub subject: Option<DistinguishedName>,
    /// The first instant at which it is valid.
    pub not_before: OffsetDateTime,
    /// The last instant at which it is valid.
    pub not_after: OffsetDateTime,
}

/// The certificate of this request's client; none where it has none that is valid now.
///
/// From a trusted proxy only its header counts, never the proxy's own certificate. From everybody
/// else only the connection's certificate counts, and such a header is ignored.
///
/// # Errors
/// 400 where a trusted proxy's header is ambiguous or cannot be read: a request with half an
/// identity is refused rather than answered for somebody else.
pub fn presented(parts: &Parts, state: &AppState) -> Result<Option<PresentedCertificate>, Problem> {
    let Some(peer) = parts.extensions.get::<Peer>() else {
        return Ok(None);
    };
    if state
        .config
        .http
        .trusted_proxies
        .contains(peer.address.ip())
    {
        let forwarded = forwarded(&parts.headers)?;
        return Ok(forwarded.and_then(|chain| judge(&chain, state)));
    }
    Ok(peer
        .certificate
        .as_ref()
        .and_then(|chain| judge(chain, state)))
}

fn judge(chain: &ClientChain, state: &AppState) -> Option<PresentedCertificate> {
    let (leaf, now) = (chain.leaf(), state.clock.now());
    if let Some(why) = leaf.invalid_at(now) {
        tracing::debug!(sha256 = %leaf.sha256(), why, "a client certificate does not count");
        return None;
    }
    Some(PresentedCertificate {
        sha256: leaf.sha256(),
        subject: state
            .client_cas
            .subject(chain, &state.anchors.current(), now),
        not_before: leaf.not_before(),
        not_after: leaf.not_after(),
    })
}
