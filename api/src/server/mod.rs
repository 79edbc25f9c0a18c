//! Runs the service: listener, background tasks, and an orderly end.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use axum::serve::ListenerExt;
use portolan_storage::Store;
use tokio::{net::TcpListener, sync::watch};

use crate::{router::router, state::AppState};

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
/// Where the listener fails.
pub async fn serve(
    state: AppState,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    if let Err(error) = state.anchors.reload().await {
        tracing::error!(%error, "upstream CAs cannot be read");
    }
    let watching = tokio::spawn(state.anchors.clone().watch());
    let grace = Duration::from_secs(state.config.http.shutdown_grace_seconds);
    let store = state.store.clone();
    // Without this, a small answer waits 40 ms for the client's acknowledgement.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
    });
    let (stopping, mut stopped) = watch::channel(false);
    let served = axum::serve(listener, router(state)).with_graceful_shutdown(async move {
        stop.await;
        tracing::info!("stopping: no new connections, requests under way go on");
        stopping.send_replace(true);
    });
    let too_late = async {
        // The sender lives as long as the server: an error means that it has ended anyway.
        let _ = stopped.wait_for(|stopped| *stopped).await;
        tokio::time::sleep(grace).await;
    };
    let ended = tokio::select! {
        ended = served => ended,
        () = too_late => {
            tracing::warn!("some requests did not end in time and are cut off");
            Ok(())
        }
    };
    watching.abort();
    close(store).await;
    tracing::info!("stopped");
    ended
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
