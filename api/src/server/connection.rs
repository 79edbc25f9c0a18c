//! One connection: TLS where it is on, then HTTP/1 or HTTP/2, each within the limits.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
};
use futures_util::future::Either;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{
    activity::{Activity, Verdict},
    peer::Peer,
    streams::{Answer, Streams},
    tls::Tls,
    watched::Watched,
};
use crate::{config::HttpLimits, hot::HotPath};

/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 128;
/// Requests that a client took back and that have not been looked at yet: beyond this it floods
/// (CVE-2023-44487, "rapid reset").
const RESETS: usize = 32;

/// What all connections share.
pub struct Connections {
    router: Router,
    /// What answers before the router is asked; none where the router is all.
    hot: Option<HotPath>,
    tls: Option<Tls>,
    limits: HttpLimits,
    http: auto::Builder<Streams>,
}

impl Connections {
    /// For this router, within these limits.
    pub fn new(
        (router, hot): (Router, Option<HotPath>),
        tls: Option<Tls>,
        limits: &HttpLimits,
    ) -> Self {
        let write = limits.write();
        let mut http = auto::Builder::new(Streams { write });
        let header_bytes = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
        http.http1()
            .timer(TokioTimer::new())
            // `Activity` limits it: hyper's own would end idle connections too.
            .header_read_timeout(None)
            .max_headers(limits.headers)
            // The head of a request must fit into the buffer.
            .max_buf_size(header_bytes);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(limits.header_bytes)
            .max_pending_accept_reset_streams(RESETS)
            .adaptive_window(true)
            // A client whose system is gone answers no ping.
            .keep_alive_interval(write)
            .keep_alive_timeout(write);
        Self {
            router,
            hot,
            tls,
            limits: limits.clone(),
            http,
        }
    }

    /// Serves one connection to its end.
    pub async fn serve(&self, stream: TcpStream, address: SocketAddr, stopping: CancellationToken) {
        let mut peer = Peer {
            address: SocketAddr::new(address.ip().to_canonical(), address.port()),
            tls: self.tls.is_some(),
            certificate: None,
        };
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.limits.write()));
        let Some(tls) = &self.tls else {
            return self.http(Box::pin(stream), peer, stopping).await;
        };
        let handshake = timeout(self.limits.handshake(), tls.accept(stream));
        let accepted = tokio::select! {
            accepted = handshake => accepted,
            () = stopping.cancelled() => return,
        };
        match accepted {
            Ok(Ok((stream, certificate))) => {
                peer.certificate = certificate.map(Arc::new);
                self.http(stream, peer, stopping).await;
            }
            // Scanners, plain HTTP and clients that trust us not: nobody's fault here.
            Ok(Err(error)) => tracing::debug!(%address, %error, "no TLS handshake"),
            Err(_) => tracing::debug!(%address, "the TLS handshake took too long"),
        }
    }

    async fn http<S>(&self, stream: S, peer: Peer, stopping: CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Activity::new(&self.limits);
        let address = peer.address;
        let stream = TokioIo::new(Watched::new(stream, activity.clone()));
        let handle = |request| self.answer(request, &peer, &activity);
        let connection = self.http.serve_connection(stream, service_fn(handle));
        let mut connection = pin!(connection);
        let mut closing = false;
        loop {
            let verdict = tokio::select! {
                // First what the connection can do, then what it has left undone.
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%address, %error, "a connection broke");
                    }
                    return;
                }
                () = stopping.cancelled(), if !closing => Verdict::Close,
                verdict = activity.too_quiet() => verdict,
            };
            match verdict {
                Verdict::Cut => {
                    tracing::debug!(%address, "a connection was too slow");
                    return;
                }
                Verdict::Close => {
                    closing = true;
                    activity.closing();
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    /// Answers one request.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
        activity: &Activity,
    ) -> impl Future<Output = Result<Response<Answer>, Infallible>> + Send + 'static {
        let under_way = activity.begin(request.version());
        // HTTP/1 is refused before it comes here; for HTTP/2 the library counts bytes alone.
        let too_many = request.headers().len() > self.limits.headers;
        let hot = self.hot.as_ref().filter(|_| !too_many);
        let hot = hot.and_then(|hot| hot.answer(&request, peer));
        let routed = match hot {
            Some(response) => Either::Left(std::future::ready(Ok(response))),
            None => Either::Right(self.route(request, peer, too_many)),
        };
        async move {
            let response = routed.await?;
            Ok(response.map(|body| Answer::new(body, under_way)))
        }
    }

    /// Sends a request through the routes.
    fn route(
        &self,
        request: Request<Incoming>,
        peer: &Peer,
        too_many: bool,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send + 'static + use<> {
        let (peer, router) = (peer.clone(), self.router.clone());
        let hot = self.hot.as_ref().filter(|_| !too_many);
        let hot = hot.and_then(|hot| Some((hot.asks(&request)?, hot.clone())));
        async move {
            if too_many {
                let mut refused = Response::new(Body::empty());
                *refused.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                return Ok(refused);
            }
            let mut request = match hot {
                None => request.map(Body::new),
                // Apart: this future is moved for every request, whichever way it goes.
                Some((route, hot)) => match Box::pin(hot.serve(route, request)).await {
                    Ok(response) => return Ok(response),
                    Err(request) => request,
                },
            };
            request.extensions_mut().insert(peer);
            router.oneshot(request).await
        }
    }
}
