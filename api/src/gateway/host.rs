//! Which host asks: by its client certificate, from the TLS connection or from a trusted proxy's header, where a host
//! CA vouches for it. The subject's one common name is its consumer's uuid.

use std::sync::Arc;

use axum::http::{HeaderMap, request::Parts};
use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode;
use portolan_domain::{
    gateway::is_name,
    trust::{Certificate, ClientChain},
};

use crate::{problem::Problem, server::Peer, state::AppState};

/// The headers in which proxies before Katello pass it on, as Apache writes it: PEM, with blanks for its lines' ends.
const HEADERS: [&str; 2] = ["x-rhsm-ssl-client-cert", "ssl-client-cert"];

/// The host of a request; none where it shows no certificate that a host CA vouches for now. From a trusted proxy its
/// headers alone count, from everybody else the connection alone.
///
/// # Errors
/// 400 where a trusted proxy's headers say two things, or one cannot be read.
pub fn host(parts: &Parts, state: &AppState) -> Result<Option<Arc<str>>, Problem> {
    let Some(peer) = parts.extensions.get::<Peer>() else {
        return Ok(None);
    };
    if state.config.gateway.host_ca_file.is_none() {
        return Ok(None);
    }
    let trusted = &state.config.http.trusted_proxies;
    let chain = if trusted.contains(peer.address.ip()) {
        forwarded(&parts.headers)?.map(Arc::new)
    } else {
        peer.certificate.clone()
    };
    Ok(chain.and_then(|chain| uuid(&chain, state)))
}

fn uuid(chain: &ClientChain, state: &AppState) -> Option<Arc<str>> {
    let (anchors, now) = (state.anchors.current(), state.clock.now());
    if chain.leaf().invalid_at(now).is_some() {
        return None;
    }
    let subject = state.gateway.host_cas.subject(chain, &anchors, now)?;
    let uuid = subject.common_name().filter(|name| is_name(name))?;
    Some(uuid.into())
}

fn forwarded(headers: &HeaderMap) -> Result<Option<ClientChain>, Problem> {
    let values = HEADERS.iter().flat_map(|name| headers.get_all(*name));
    let values = values.map(|value| value.as_bytes().trim_ascii());
    // What Apache writes where there is none.
    let mut values = values.filter(|value| !value.is_empty() && *value != b"(null)");
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.any(|other| other != value) {
        let detail = "The proxy's headers X-RHSM-SSL-Client-Cert and SSL-Client-Cert hold two certificates; the proxy \
                      must replace what its client sent in either.";
        return Err(Problem::bad_request(detail));
    }
    let unreadable =
        || Problem::bad_request("The proxy's header holds no client certificate that can be read.");
    chain(value).map(Some).ok_or_else(unreadable)
}

/// PEM with its lines' ends, without them, with blanks for them, or percent-encoded.
fn chain(value: &[u8]) -> Option<ClientChain> {
    let text: Vec<u8> = percent_decode(value).collect();
    let text = String::from_utf8(text).ok()?;
    let mut ders = Vec::new();
    for part in text.split("-----BEGIN CERTIFICATE-----").skip(1) {
        let (body, _) = part.split_once("-----END CERTIFICATE-----")?;
        let plain: String = body.split_whitespace().collect();
        ders.push(BASE64_STANDARD.decode(plain).ok()?);
    }
    if ders.is_empty() {
        let plain: String = text.split_whitespace().collect();
        ders.push(BASE64_STANDARD.decode(plain).ok()?);
    }
    let (leaf, others) = ders.split_first()?;
    Certificate::from_der(leaf).ok()?;
    ClientChain::from_der(leaf, others.iter().map(Vec::as_slice)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\nAAAA\n-----END CERTIFICATE-----\n";

    #[test]
    fn one_certificate_in_two_headers_is_one_and_two_are_refused() {
        let headers = |values: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in values {
                headers.append(*name, value.parse().unwrap());
            }
            forwarded(&headers).map(|chain| chain.is_some())
        };
        let [rhsm, plain] = HEADERS;
        assert_eq!(headers(&[]).ok(), Some(false));
        assert_eq!(headers(&[(rhsm, "(null)"), (plain, "")]).ok(), Some(false));
        for broken in [
            "nonsense",
            &PEM.replace('\n', " "),
            "-----BEGIN CERTIFICATE-----",
        ] {
            assert!(headers(&[(rhsm, broken)]).is_err(), "{broken} was taken");
        }
        assert!(headers(&[(rhsm, "a"), (plain, "b")]).is_err());
    }
}
