//! Runs the service: listener, background tasks, and an orderly end.
//!
//! The accept loop is our own (`accept.rs`), since what one client may take is decided there: how
//! many connections (`slots.rs`), for how long without a request (`activity.rs`), and with which
//! certificate (`tls.rs`).

mod accept;
mod activity;
mod clean;
mod connection;
mod descriptors;
mod housekeeping;
mod peer;
mod slots;
mod streams;
pub mod tls;
mod watched;

use std::{future::Future, io, net::SocketAddr, time::Duration};

use axum::Router;
use portolan_storage::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) use self::clean::CleanStream;
pub use self::{accept::Service, descriptors::raise_open_files, peer::Peer};
use self::{housekeeping::Housekeeping, tls::Tls};
use crate::{
    gateway::GatewayListener,
    hot::HotPath,
    metrics::MetricsListener,
    router::{gateway_router, router},
    state::AppState,
};

/// How often the files of TLS and of the client CAs are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Listens.
///
/// # Errors
/// Where the address is taken or not this machine's.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `stop` ends, then lets requests under way end, for as long as is set.
///
/// # Errors
/// Where the files of TLS or of the client CAs cannot be used, or the port for metrics is not to be had.
pub async fn serve(
    state: AppState,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (routes, hot) = (router(state.clone()), HotPath::new(state.clone()));
    run((routes, Some(hot)), state, listener, stop).await
}

/// As [`serve`], with these routes in place of the service's own: how tests look at what the server
/// does with a request before and after its handler.
///
/// # Errors
/// Where the files of TLS or of the client CAs cannot be used.
pub async fn serve_routes(
    routes: Router,
    state: AppState,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    run((routes, None), state, listener, stop).await
}

async fn run(
    (routes, hot): (Router, Option<HotPath>),
    state: AppState,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let http = state.config.http.clone();
    let tls = http.tls().map(Tls::load).transpose();
    let tls = tls.map_err(io::Error::other)?;
    state.client_cas.reload().map_err(io::Error::other)?;
    state.gateway.host_cas.reload().map_err(io::Error::other)?;
    let metrics = MetricsListener::open(&state.config.metrics, state.metrics.clone()).await?;
    let gateway = GatewayListener::open(&state.config).await?;
    if let Err(error) = state.anchors.reload().await {
        tracing::error!(%error, "upstream CAs cannot be read");
    }
    // Before the first request: until then no token can be believed.
    if let Err(error) = state.tokens.revocations().be_read().await {
        tracing::error!(%error, "what was revoked cannot be read");
    }
    let mut watching = tokio::task::JoinSet::new();
    watching.spawn(state.anchors.clone().watch());
    watching.spawn(state.client_cas.clone().watch(LOOK));
    watching.spawn(state.gateway.host_cas.clone().watch(LOOK));
    // Before the first request, too: what is remembered from then on is forgotten where this changes.
    let from = state.store.generations().await.ok();
    watching.spawn(state.gateway.clone().follow(state.pulse.clone(), from));
    watching.spawn(state.tokens.clone().follow(state.pulse.clone()));
    let revocations = state.tokens.revocations().clone();
    watching.spawn(revocations.follow(state.pulse.clone()));
    if let Some(tls) = tls.clone() {
        watching.spawn(tls.watch(LOOK));
    }
    let housekeeping = Housekeeping::start(&state);
    let scraping = CancellationToken::new();
    let metrics = tokio::spawn(metrics.run(http.clone(), scraping.clone()));
    let pulling = CancellationToken::new();
    let gateway = gateway.run(
        gateway_router(state.clone()),
        tls.clone(),
        http.clone(),
        pulling.clone(),
    );
    let gateway = tokio::spawn(gateway);
    let service = Service::new(routes, hot, tls, &http);
    let stop = async {
        stop.await;
        // Both let what is under way end, at the same time.
        pulling.cancel();
    };
    service.run(listener, stop).await;
    scraping.cancel();
    // They never panic, and have ended requests of their own by then.
    let _ = (metrics.await, gateway.await);
    drop(watching);
    housekeeping.end().await;
    close(state.store.clone()).await;
    tracing::info!("stopped");
    Ok(())
}

/// Closes the database. Connections that somebody still holds are not waited for: what they had
/// not committed is rolled back by the database.
pub async fn close(store: Store) {
    match tokio::time::timeout(Duration::from_secs(3), store.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the database could not be closed"),
        Err(_) => tracing::warn!("the database is still busy and is left as it is"),
    }
}

/// Ends at SIGINT or SIGTERM.
pub async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => _ = signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = terminate => {}
        () = interrupt => {}
    }
}
