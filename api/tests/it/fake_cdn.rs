//! CDNs on loopback, with TLS and without, well and ill.

use std::{net::Ipv4Addr, sync::Arc};

use openssl::ssl::{Ssl, SslAcceptor, SslContext, SslMethod};
use portolan_domain::build::Authority;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_openssl::SslStream;

use super::certificates::{key, x509};

pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/// 200 for one request line, 404 for others.
pub const ECHO: &[u8] = b"echo";
/// A body that does not end.
pub const ENDLESS: &[u8] = b"endless";

/// A CDN on loopback, which answers every request with these bytes, and keeps the connection where
/// it is silent.
pub struct FakeCdn {
    pub port: u16,
    pub connected: Arc<Notify>,
}

impl FakeCdn {
    pub async fn start(own: &Authority, answer: &'static [u8]) -> Self {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_certificate(&x509(own)).unwrap();
        acceptor.set_private_key(&key(own)).unwrap();
        Self::serve(Some(acceptor.build().into_context()), answer).await
    }

    pub async fn serve(context: Option<SslContext>, answer: &'static [u8]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connected = Arc::new(Notify::new());
        let noted = connected.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                noted.notify_one();
                tokio::spawn(respond(context.clone(), stream, answer));
            }
        });
        Self { port, connected }
    }
}

async fn respond(context: Option<SslContext>, stream: TcpStream, answer: &[u8]) {
    let Some(context) = context else {
        return reply(stream, answer).await;
    };
    let ssl = Ssl::new(&context).unwrap();
    let mut stream = Box::pin(SslStream::new(ssl, stream).unwrap());
    if stream.as_mut().accept().await.is_ok() {
        reply(stream, answer).await;
    }
}

async fn reply(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
    }
    if answer == ECHO {
        let line = String::from_utf8_lossy(&request)
            .lines()
            .next()
            .unwrap()
            .to_owned();
        let status = if line == "GET /base/content?x=1 HTTP/1.1" {
            200
        } else {
            404
        };
        let answer = format!("HTTP/1.1 {status} OK\r\nContent-Length: 0\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes()).await;
    } else if answer == ENDLESS {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
    } else {
        let _ = stream.write_all(answer).await;
    }
    // Until the other side has had enough.
    let _ = stream.read(&mut [0]).await;
}
