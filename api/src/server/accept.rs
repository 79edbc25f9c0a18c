//! The accept loop: takes connections for as long as there are slots, until it is told to stop.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    connection::Connections,
    descriptors::connections_at_most,
    slots::{FreeSlot, Slots},
    tls::Tls,
};
use crate::{config::HttpConfig, hot::HotPath};

/// How long the loop rests where the system has no descriptor or memory for another connection: the
/// error comes back at once, and connections that end free what is missing.
const REST: Duration = Duration::from_millis(500);

/// Bytes that the system takes before it can send them.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 64 << 10;

/// The service on its port.
pub struct Service {
    slots: Slots,
    connections: Arc<Connections>,
    tasks: TaskTracker,
    /// Told once: no new connections, requests under way go on.
    stopping: CancellationToken,
    /// Told once: whatever is still there ends now.
    cut: CancellationToken,
    grace: Duration,
}

impl Service {
    /// A service that nobody can reach yet.
    pub fn new(router: Router, hot: Option<HotPath>, tls: Option<Tls>, http: &HttpConfig) -> Self {
        Self {
            slots: Slots::new(http, connections_at_most),
            connections: Arc::new(Connections::new((router, hot), tls, &http.limits)),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            cut: CancellationToken::new(),
            grace: Duration::from_secs(http.shutdown_grace_seconds),
        }
    }

    /// Takes connections until `stop` ends, then lets requests under way end, for as long as is set.
    pub async fn run(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = self.accept(&listener) => {}
            () = stop => {}
        }
        // Nobody waits in a backlog that is never looked at again.
        drop(listener);
        tracing::info!("stopping: no new connections, requests under way go on");
        self.stopping.cancel();
        self.tasks.close();
        if tokio::time::timeout(self.grace, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some requests did not end in time and are cut off");
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }

    async fn accept(&self, listener: &TcpListener) {
        loop {
            let slot = self.slots.free().await;
            match listener.accept().await {
                Ok((stream, address)) => self.begin(slot, stream, address),
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    fn begin(&self, slot: FreeSlot, stream: TcpStream, address: SocketAddr) {
        let Some(slot) = self.slots.take(slot, address.ip()) else {
            tracing::debug!(%address, "closed at once: too many connections from this address");
            return;
        };
        if let Err(error) = tune(&stream) {
            tracing::debug!(%error, "a connection's socket cannot be tuned");
        }
        let (connections, stopping) = (self.connections.clone(), self.stopping.clone());
        let cut = self.cut.clone();
        self.tasks.spawn(async move {
            let connection = connections.serve(stream, address, stopping);
            cut.run_until_cancelled(connection).await;
            drop(slot);
        });
    }
}

/// Sets what the system's defaults are wrong for.
fn tune(stream: &TcpStream) -> io::Result<()> {
    // Without this, a small answer waits 40 ms for the client's acknowledgement.
    stream.set_nodelay(true)?;
    // By default the system takes megabytes ahead, and asks for more once a third of them is gone: a
    // slow client would seem to take nothing for minutes.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT)?;
    Ok(())
}

/// Whether the error is one connection's, which went away before it was accepted.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    let kind = error.kind();
    matches!(
        kind,
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
