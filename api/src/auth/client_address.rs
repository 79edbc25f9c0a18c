//! The address of a request's client, for limits by address and for records.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};

use crate::{config::TrustedProxies, server::Peer};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address: behind trusted proxies the right-most address of `X-Forwarded-For` that is
/// none of them, since everything to its left is the client's own word. Else the peer's.
#[must_use]
pub fn client_address(peer: &Peer, headers: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    let mut client = peer.address.ip().to_canonical();
    let hops = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let hops = hops.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    for hop in hops {
        if !trusted.contains(client) {
            break;
        }
        // What no address is, nobody can be held to: then the proxy that wrote it is.
        let Some(address) = address(hop) else {
            break;
        };
        client = address;
    }
    client
}

/// An address, perhaps with a port or in brackets, as proxies write them.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    Some(address.or_else(with_port)?.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let trusted = vec!["10.0.0.0/8".to_owned(), "2001:db8::/64".to_owned()];
        let peer = Peer {
            address: SocketAddr::new(peer.parse().unwrap(), 4711),
            tls: false,
            certificate: None,
        };
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, value.parse().unwrap());
        }
        client_address(&peer, &headers, &trusted.try_into().unwrap()).to_string()
    }

    #[test]
    fn only_what_trusted_proxies_saw_counts() {
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            client("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.0.0.9"]),
            "198.51.100.7"
        );
        assert_eq!(
            client("10.0.0.1", &["1.1.1.1", "198.51.100.7:80"]),
            "198.51.100.7"
        );
        assert_eq!(client("2001:db8::1", &["[2001:db9::5]:443"]), "2001:db9::5");
        assert_eq!(client("10.0.0.1", &["10.0.0.3"]), "10.0.0.3");
        assert_eq!(client("10.0.0.1", &["1.1.1.1, unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }
}
