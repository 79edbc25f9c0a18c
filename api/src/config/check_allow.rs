//! `cdn.check_allow`: what a check of a CDN may connect to. The service stands inside a network, and
//! its callers do not: a URL that is theirs must not become a way in.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Host;

/// Hosts (`cdn.example.com`, `*.example.com`), addresses and networks (`10.0.0.0/8`). A host or an
/// address may have a port behind it; without one every port is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct CheckAllow(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    written: String,
    what: What,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// This name.
    Host(String),
    /// All names that end so; it begins with a dot.
    Below(String),
    /// These addresses.
    Network(IpNet),
}

impl CheckAllow {
    /// Whether the host of a URL is named: a name by its name, an address by itself or its network.
    #[must_use]
    pub fn names_host(&self, host: &Host<String>, port: u16) -> bool {
        let name = match host {
            Host::Ipv4(address) => return self.names_address((*address).into(), port),
            Host::Ipv6(address) => return self.names_address((*address).into(), port),
            Host::Domain(name) => plain(name),
        };
        self.0.iter().any(|entry| {
            let named = match &entry.what {
                What::Host(host) => *host == name,
                What::Below(end) => name.len() > end.len() && name.ends_with(end),
                What::Network(_) => false,
            };
            named && entry.is_for(port)
        })
    }

    /// Whether an address is named, by itself or its network. An IPv4 address inside IPv6
    /// (`::ffff:10.0.0.1`) is the IPv4 one.
    #[must_use]
    pub fn names_address(&self, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|entry| {
            matches!(&entry.what, What::Network(network) if network.contains(&address))
                && entry.is_for(port)
        })
    }
}

impl Entry {
    fn is_for(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }

    fn read(text: &str) -> Option<(What, Option<u16>)> {
        let alone = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = alone.unwrap_or(text).parse::<IpAddr>() {
            return Some((What::Network(address.into()), None));
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Some((What::Network(network), None));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Some((What::Network(address.ip().into()), Some(address.port())));
        }
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok()?)),
            None => (text, None),
        };
        let below = name.strip_prefix("*.");
        let name = plain(below.unwrap_or(name));
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(is_name) {
            return None;
        }
        let what = match below {
            Some(_) => What::Below(format!(".{name}")),
            None => What::Host(name),
        };
        Some((what, port))
    }
}

/// A name as it is compared: in small letters, without the root's dot.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl TryFrom<Vec<String>> for CheckAllow {
    type Error = String;

    fn try_from(texts: Vec<String>) -> Result<Self, String> {
        let read = |written: String| match Entry::read(&written) {
            Some((what, port)) => Ok(Entry {
                written,
                what,
                port,
            }),
            None => Err(format!(
                "{written:?} is neither a host such as cdn.example.com, cdn.example.com:8443 or \
                 *.example.com, nor an address, nor a network such as 10.0.0.0/8"
            )),
        };
        texts
            .into_iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl From<CheckAllow> for Vec<String> {
    fn from(allow: CheckAllow) -> Self {
        allow.0.into_iter().map(|entry| entry.written).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(texts: &[&str]) -> CheckAllow {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        texts.try_into().unwrap()
    }

    fn host(text: &str) -> Host<String> {
        Host::parse(text).unwrap()
    }

    #[test]
    fn hosts_are_named_by_name_and_port() {
        let allow = allow(&[
            "cdn.example.com",
            "Port.example.com:8443",
            "*.below.example",
        ]);
        for (name, port) in [
            ("cdn.example.com", 443),
            ("CDN.example.com.", 1),
            ("port.example.com", 8443),
            ("a.below.example", 443),
            ("a.b.below.example", 443),
        ] {
            assert!(allow.names_host(&host(name), port), "{name}:{port}");
        }
        for (name, port) in [
            ("example.com", 443),
            ("evilcdn.example.com", 443),
            ("cdn.example.com.evil.example", 443),
            ("port.example.com", 443),
            ("below.example", 443),
            ("evilbelow.example", 443),
            ("127.0.0.1", 443),
        ] {
            assert!(!allow.names_host(&host(name), port), "{name}:{port}");
        }
    }

    #[test]
    fn addresses_are_named_by_themselves_or_their_network() {
        let allow = allow(&[
            "10.0.0.0/8",
            "192.0.2.7:8443",
            "[::1]",
            "2001:db8::/32",
            "*.10.example",
        ]);
        for (name, port) in [
            ("10.1.2.3", 1),
            ("[::ffff:10.1.2.3]", 1),
            ("192.0.2.7", 8443),
            ("[::1]", 443),
            ("[2001:db8::9]", 443),
        ] {
            assert!(allow.names_host(&host(name), port), "{name}:{port}");
        }
        for (name, port) in [("11.0.0.1", 1), ("192.0.2.7", 443), ("[::2]", 443)] {
            assert!(!allow.names_host(&host(name), port), "{name}:{port}");
        }
        assert!(!CheckAllow::default().names_host(&host("10.1.2.3"), 443));
    }

    #[test]
    fn what_is_neither_host_nor_network_is_refused() {
        for text in [
            "",
            "*",
            "*.",
            "a b",
            "a/b",
            "https://a.example",
            "a:0x1",
            "10.0.0.0/33",
            "*.*.a",
        ] {
            let refused = CheckAllow::try_from(vec![text.to_owned()]);
            assert!(refused.unwrap_err().contains("neither a host"), "{text}");
        }
        let written = vec!["CDN.example.com:8443".to_owned(), "::1".to_owned()];
        let kept: Vec<String> = CheckAllow::try_from(written.clone()).unwrap().into();
        assert_eq!(kept, written, "they are shown as they were written");
    }
}
