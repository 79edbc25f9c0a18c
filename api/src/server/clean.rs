//! A TLS stream that another's failure does not touch.
//!
//! OpenSSL keeps errors in a queue of the thread, and takes whatever lies there for an error of the
//! stream that it reads or writes (`SSL_get_error`: "the current thread's error queue must be empty").
//! A task that left one behind, by a certificate that did not verify, say, would end the connection of
//! whoever comes next on its thread. So the queue is emptied before each step.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use openssl::{error::ErrorStack, ssl::SslRef};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_openssl::SslStream;

/// The stream; see above.
pub struct CleanStream<S>(Pin<Box<SslStream<S>>>);

fn clean() {
    // Taking the errors is what empties the queue.
    drop(ErrorStack::get());
}

impl<S: AsyncRead + AsyncWrite> CleanStream<S> {
    /// A stream before its handshake.
    pub fn new(stream: SslStream<S>) -> Self {
        Self(Box::pin(stream))
    }

    /// Does the client's handshake. The session tells what was seen, even where this fails.
    ///
    /// # Errors
    /// Where it fails.
    pub async fn connect(&mut self) -> Result<(), openssl::ssl::Error> {
        poll_fn(|context| {
            clean();
            self.0.as_mut().poll_connect(context)
        })
        .await
    }

    /// Does the server's handshake.
    ///
    /// # Errors
    /// Where it fails.
    pub async fn accept(stream: SslStream<S>) -> Result<Self, openssl::ssl::Error> {
        let mut stream = Box::pin(stream);
        poll_fn(|context| {
            clean();
            stream.as_mut().poll_accept(context)
        })
        .await?;
        Ok(Self(stream))
    }

    /// The session.
    pub fn ssl(&self) -> &SslRef {
        self.0.ssl()
    }
}

impl<S: AsyncRead + AsyncWrite> AsyncRead for CleanStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        clean();
        self.0.as_mut().poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite> AsyncWrite for CleanStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        clean();
        self.0.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        clean();
        self.0.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        clean();
        self.0.as_mut().poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use openssl::{
        pkey::PKey,
        ssl::{Ssl, SslAcceptor, SslConnector, SslMethod, SslVerifyMode},
        x509::X509,
    };
    use portolan_domain::build::{Authority, KeyKind, Validity};
    use time::macros::datetime;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    fn authority() -> Authority {
        let validity = Validity {
            from: datetime!(2020-01-01 0:00 UTC),
            until: datetime!(2100-01-01 0:00 UTC),
        };
        Authority::self_signed("localhost", KeyKind::P256, validity).unwrap()
    }

    fn x509(authority: &Authority) -> X509 {
        X509::from_pem(authority.certificate_pem().unwrap().as_bytes()).unwrap()
    }

    /// Leaves an error behind, as a certificate does that does not verify.
    fn soil(own: &X509) {
        let stranger = x509(&authority());
        assert!(!own.verify(&stranger.public_key().unwrap()).unwrap());
    }

    async fn connected(own: &Authority) -> (CleanStream<DuplexStream>, SslStream<DuplexStream>) {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        let key = own.key_pem().unwrap();
        let key = PKey::private_key_from_pem(key.expose().as_bytes()).unwrap();
        acceptor.set_private_key(&key).unwrap();
        acceptor.set_certificate(&x509(own)).unwrap();
        let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
        connector.set_verify(SslVerifyMode::NONE);
        let configuration = connector.build().configure().unwrap();
        let (server, client) = duplex(1 << 16);
        let server = SslStream::new(Ssl::new(acceptor.build().context()).unwrap(), server);
        let client = SslStream::new(configuration.into_ssl("localhost").unwrap(), client);
        let (server, mut client) = (server.unwrap(), client.unwrap());
        soil(&x509(own));
        let shaking = CleanStream::accept(server);
        let connecting = poll_fn(|context| {
            clean();
            Pin::new(&mut client).poll_connect(context)
        });
        let (server, connected) = tokio::join!(shaking, connecting);
        connected.unwrap();
        (server.unwrap(), client)
    }

    #[tokio::test]
    async fn an_error_that_was_left_behind_ends_no_stream() {
        let own = authority();
        let (mut server, mut client) = connected(&own).await;
        let mut text = [0; 4];
        // The stream waits for bytes, which is when the queue is looked at.
        let reading = async {
            soil(&x509(&own));
            server.read_exact(&mut text).await
        };
        let writing = async {
            tokio::task::yield_now().await;
            clean();
            client.write_all(b"text").await
        };
        let (read, written) = tokio::join!(reading, writing);
        written.unwrap();
        read.unwrap();
        assert_eq!(&text, b"text");
        soil(&x509(&own));
        server.write_all(b"more").await.unwrap();
        soil(&x509(&own));
        server.flush().await.unwrap();
    }
}
