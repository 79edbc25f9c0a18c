//! A listener of the gateway's own, where its routes stand at the root: a client of a registry insists on `/v2/`.

use std::io;

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Mount;
use crate::{
    config::{Config, HttpConfig},
    server::{Service, tls::Tls},
};

/// The open listener, where one is set.
pub struct GatewayListener(Option<TcpListener>);

impl GatewayListener {
    /// Listens where it is set to.
    ///
    /// # Errors
    /// Where the address is taken or not this machine's.
    pub async fn open(config: &Config) -> io::Result<Self> {
        let Some(address) = config.gateway.address().map_err(io::Error::other)? else {
            return Ok(Self(None));
        };
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let why = format!("cannot listen on {address}: {error} (gateway.listen)");
            io::Error::new(error.kind(), why)
        })?;
        let address = listener.local_addr()?;
        tracing::info!(%address, "container gateway");
        Ok(Self(Some(listener)))
    }

    /// Answers, until told to stop. What clients may take is limited as on the service's own port.
    pub async fn run(
        self,
        routes: Router,
        tls: Option<Tls>,
        http: HttpConfig,
        stop: CancellationToken,
    ) {
        if let Some(listener) = self.0 {
            let routes = routes.layer(from_fn(mark));
            let service = Service::new(routes, None, tls, &http);
            service.run(listener, stop.cancelled_owned()).await;
        }
    }
}

async fn mark(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Mount);
    next.run(request).await
}
