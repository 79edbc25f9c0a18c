//! A client's certificate as a proxy that ended its TLS passes it on: `Client-Cert` and
//! `Client-Cert-Chain` (RFC 9440), or `X-SSL-Client-Cert` (PEM, percent-encoded, as nginx writes
//! `$ssl_client_escaped_cert`). Whoever calls this has made sure that the proxy is a trusted one.

use axum::http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode;
use portolan_domain::trust::{Certificate, ClientChain};
use sfv::{BareItem, Item, List, ListEntry, Parser};

use crate::{config::ClientCertificateHeader, problem::Problem};

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
const X_SSL_CLIENT_CERT: HeaderName = HeaderName::from_static("x-ssl-client-cert");

/// What the proxy says in its header; none where its client had no certificate.
///
/// Only the one header counts that is set: what a proxy does not replace, its client may have written.
///
/// # Errors
/// 400 where there is more than one certificate for the client, or what there is cannot be read.
pub fn forwarded(
    headers: &HeaderMap,
    which: ClientCertificateHeader,
) -> Result<Option<ClientChain>, Problem> {
    let name = match which {
        ClientCertificateHeader::Pem => X_SSL_CLIENT_CERT,
        ClientCertificateHeader::Standard => CLIENT_CERT,
        ClientCertificateHeader::None => return Ok(None),
    };
    let Some(value) = one(headers, &name)? else {
        return Ok(None);
    };
    let read = match which {
        ClientCertificateHeader::Standard => standard_chain(value, headers),
        _ => pem_chain(value),
    };
    let unreadable = || {
        Problem::bad_request(format!(
            "The proxy's header {name} holds no certificate that can be read."
        ))
    };
    read.map(Some).ok_or_else(unreadable)
}

/// The one value of a header. A proxy that writes an empty one says that there is no certificate.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.as_bytes().trim_ascii());
    if values.next().is_some() {
        return Err(Problem::bad_request(format!(
            "The header {name} stands twice; the proxy must replace what its client sent."
        )));
    }
    Ok(first.filter(|value| !value.is_empty()))
}

/// RFC 9440, 2.1: both hold byte sequences, the chain without the client's own certificate.
fn standard_chain(value: &[u8], headers: &HeaderMap) -> Option<ClientChain> {
    let leaf = bytes(Parser::new(value).parse::<Item>().ok()?)?;
    let chains: Vec<&[u8]> = headers
        .get_all(CLIENT_CERT_CHAIN)
        .iter()
        .map(axum::http::HeaderValue::as_bytes)
        .collect();
    // Of a list, several headers are one (RFC 9651, 3.1).
    let chain = Parser::new(&chains.join(&b", "[..])).parse::<List>().ok()?;
    let others = chain.into_iter().map(|entry| match entry {
        ListEntry::Item(item) => bytes(item),
        ListEntry::InnerList(_) => None,
    });
    let others = others.collect::<Option<Vec<_>>>()?;
    ClientChain::from_der(&leaf, others.iter().map(Vec::as_slice)).ok()
}

fn bytes(item: Item) -> Option<Vec<u8>> {
    match item.bare_item {
        BareItem::ByteSequence(bytes) => Some(bytes),
        _ => None,
    }
}

fn pem_chain(value: &[u8]) -> Option<ClientChain> {
    let pem: Vec<u8> = percent_decode(value).collect();
    let certificates = Certificate::all_from_file(&pem).ok()?;
    let ders = certificates.iter().map(|one| one.to_der().ok());
    let ders = ders.collect::<Option<Vec<_>>>()?;
    let (leaf, others) = ders.split_first()?;
    ClientChain::from_der(leaf, others.iter().map(Vec::as_slice)).ok()
}
