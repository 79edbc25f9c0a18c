//! Who is at the other end of a connection, as every request's extension.

use std::{net::SocketAddr, sync::Arc};

use portolan_domain::trust::ClientChain;

/// The other end of a connection. It may be a proxy: see [`crate::auth::client_address`] and
/// [`crate::auth::presented`] for the client itself.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address; IPv4 inside IPv6 is shown as IPv4.
    pub address: SocketAddr,
    /// Whether the connection is TLS.
    pub tls: bool,
    /// The certificate whose key it proved to have, with what came beside it. Nothing of it has been
    /// verified.
    pub certificate: Option<Arc<ClientChain>>,
}
