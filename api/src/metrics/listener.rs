//! A listener for scrapers alone: `/metrics` without a credential, and nothing else.

use std::io;

use axum::{Router, extract::State, http::HeaderMap, response::Response, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Form, Metrics};
use crate::{
    config::{HttpConfig, MetricsConfig},
    problem::{Problem, finish, not_found, wrong_method},
    routes::metrics::answer,
    server::Service,
};

/// Connections at once.
const CONNECTIONS: usize = 64;

/// The open listener, where one is set.
pub struct MetricsListener {
    listener: Option<TcpListener>,
    metrics: Metrics,
}

impl MetricsListener {
    /// Listens where it is set to.
    ///
    /// # Errors
    /// Where the address is taken or not this machine's.
    pub async fn open(config: &MetricsConfig, metrics: Metrics) -> io::Result<Self> {
        let Some(address) = config.address().map_err(io::Error::other)? else {
            let listener = None;
            return Ok(Self { listener, metrics });
        };
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let why = format!("cannot listen on {address}: {error} (metrics.listen)");
            io::Error::new(error.kind(), why)
        })?;
        let address = listener.local_addr()?;
        tracing::info!(%address, "metrics");
        // Nobody listens twice with one set of figures.
        let _ = metrics.0.address.set(address);
        let listener = Some(listener);
        Ok(Self { listener, metrics })
    }

    /// Answers, until told to stop. What clients may take is limited as on the service's own port, but
    /// for connections: a few scrapers need few of them.
    pub async fn run(self, mut http: HttpConfig, stop: CancellationToken) {
        let Some(listener) = self.listener else {
            return;
        };
        http.limits.connections = http.limits.connections.min(CONNECTIONS);
        http.limits.connections_per_address = None;
        http.shutdown_grace_seconds = 1;
        let figures = self.metrics.http().clone();
        let routes = Router::new()
            .route("/metrics", get(get_metrics))
            .fallback(not_found)
            .method_not_allowed_fallback(wrong_method)
            .layer(axum::middleware::from_fn_with_state(figures, finish))
            .with_state(self.metrics);
        let service = Service::new(routes, None, None, &http);
        service.run(listener, stop.cancelled_owned()).await;
    }
}

async fn get_metrics(
    State(metrics): State<Metrics>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answer(&metrics, Form::wanted(&headers)).await
}
