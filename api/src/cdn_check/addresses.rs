//! Which addresses a check may connect to. A name is looked up once, and what was looked at is what is
//! connected to: a name server that answers otherwise the next time leads nowhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{Ipv4Net, Ipv6Net};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout_at},
};
use url::Host;

use super::{CheckRefusal, Stop, target::Target};
use crate::config::CheckAllow;

/// Addresses that are tried.
const MOST: usize = 4;

/// What is not out there: IANA's special-purpose registry, and multicast.
const INSIDE_4: [Ipv4Net; 15] = [
    Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 8),
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 0, 0), 24),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 2, 0), 24),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 88, 99, 0), 24),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(198, 18, 0, 0), 15),
    Ipv4Net::new_assert(Ipv4Addr::new(198, 51, 100, 0), 24),
    Ipv4Net::new_assert(Ipv4Addr::new(203, 0, 113, 0), 24),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4),
    Ipv4Net::new_assert(Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The one block of IPv6 that is out there.
const OUTSIDE_6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// What is not, even so: protocols' own, documentation, and 6to4, which wraps any IPv4 address.
const INSIDE_6: [Ipv6Net; 4] = [
    Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    Ipv6Net::new_assert(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    Ipv6Net::new_assert(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether an address is reached over the internet, and nowhere else.
fn is_outside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !INSIDE_4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            OUTSIDE_6.contains(&address) && !INSIDE_6.iter().any(|n| n.contains(&address))
        }
    }
}

/// The target's addresses that may be connected to.
pub(super) async fn of(target: &Target, allow: &CheckAllow) -> Result<Vec<SocketAddr>, Stop> {
    let port = target.port;
    let name = match &target.host {
        // It stands in the setting by itself.
        Host::Ipv4(address) => return Ok(vec![SocketAddr::from((*address, port))]),
        Host::Ipv6(address) => return Ok(vec![SocketAddr::from((*address, port))]),
        Host::Domain(name) => name,
    };
    let found = lookup_host((name.as_str(), port)).await;
    let found: Vec<SocketAddr> = found
        .map_err(|error| Stop::Failed(format!("the name {name} cannot be looked up: {error}")))?
        .collect();
    let may = |at: &SocketAddr| is_outside(at.ip()) || allow.names_address(at.ip(), port);
    let (allowed, refused): (Vec<_>, Vec<_>) = found.into_iter().partition(may);
    match (allowed.is_empty(), refused.first()) {
        (true, Some(first)) => {
            let what = format!(
                "{name} leads to {}, an address inside, and cdn.check_allow does not name that or \
                 its network",
                first.ip()
            );
            Err(CheckRefusal::NotAllowed(what).into())
        }
        (true, None) => Err(Stop::Failed(format!("the name {name} has no address"))),
        (false, _) => Ok(allowed),
    }
}

/// Connects to the first address that takes it; `tried` is the last one that was tried. Each gets its
/// share of the time, so that one that says nothing does not stand before the others.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    deadline: Instant,
    tried: &mut Option<String>,
) -> Result<TcpStream, Stop> {
    let addresses = &addresses[..addresses.len().min(MOST)];
    let mut why = String::new();
    for (number, address) in (0..).zip(addresses) {
        *tried = Some(address.to_string());
        let left = u32::try_from(addresses.len()).unwrap_or(1) - number;
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => why = format!("{address} takes no connection: {error}"),
            Err(_) => why = format!("{address} takes no connection: it says nothing"),
        }
    }
    Err(Stop::Failed(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_internet_reaches_is_outside() {
        for outside in ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_outside(outside.parse().unwrap()), "{outside}");
        }
        for inside in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "fe80::1",
            "fd00::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_outside(inside.parse().unwrap()), "{inside}");
        }
    }
}
