//! Which addresses count as one caller.

use std::net::{IpAddr, Ipv6Addr};

/// The address under which a caller is counted. Of IPv6 it is the /64, which is the least that one
/// network gets: whoever has one address of it has 2^64. IPv4 inside IPv6 is IPv4, else a listener on
/// `[::]` would count all of IPv4 as one /64.
#[must_use]
pub fn address_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}
