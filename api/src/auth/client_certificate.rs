//! The client's certificate, as far as it counts for one request.
//!
//! It comes from the TLS connection, or from a trusted proxy's header (`proxy_header.rs`). Both are
//! judged alike, and for each request: a connection may live for days, while certificates end, and
//! CAs are taken away.

use std::sync::Arc;

use axum::http::request::Parts;
use portolan_domain::{
    digest::Sha256Digest, distinguished_name::DistinguishedName, trust::ClientChain,
};
use time::OffsetDateTime;

use super::proxy_header::forwarded;
use crate::{problem::Problem, server::Peer, state::AppState};

/// A certificate that the client has the key of, valid now.
#[derive(Debug, Clone)]
pub struct PresentedCertificate {
    /// SHA-256 of its DER: by this it may count whoever issued it.
    pub sha256: Sha256Digest,
    chain: Arc<ClientChain>,
}

impl PresentedCertificate {
    /// Its subject, only where a client CA vouches for it, and no upstream CA is in its chain.
    #[must_use]
    pub fn subject(&self, state: &AppState) -> Option<DistinguishedName> {
        let (anchors, now) = (state.anchors.current(), state.clock.now());
        state.client_cas.subject(&self.chain, &anchors, now)
    }
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
    let http = &state.config.http;
    let chain = if http.trusted_proxies.contains(peer.address.ip()) {
        forwarded(&parts.headers, http.client_certificate_header)?.map(Arc::new)
    } else {
        peer.certificate.clone()
    };
    Ok(chain.and_then(|chain| valid(chain, state.clock.now())))
}

fn valid(chain: Arc<ClientChain>, now: OffsetDateTime) -> Option<PresentedCertificate> {
    let sha256 = chain.leaf().sha256();
    if let Some(why) = chain.leaf().invalid_at(now) {
        tracing::debug!(%sha256, why, "a client certificate does not count");
        return None;
    }
    Some(PresentedCertificate { sha256, chain })
}
