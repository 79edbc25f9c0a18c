//! TLS for the port: certificate and key from files, read again while the service runs.
//!
//! The files are looked at every second, as the upstream CAs are. A new pair that cannot be used is
//! said once in the log, and the old one goes on.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use openssl::{
    error::ErrorStack,
    pkey::PKey,
    ssl::{
        AlpnError, Ssl, SslAcceptor, SslAcceptorBuilder, SslContext, SslMethod, SslOptions, SslRef,
        SslSessionCacheMode, SslVerifyMode, SslVersion, select_next_proto,
    },
    x509::X509,
};
use portolan_domain::{digest::Sha256Digest, secret::PrivateKeyPem, trust::ClientChain};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::spawn_blocking,
};
use tokio_openssl::SslStream;

use super::clean::CleanStream;
use crate::config::TlsPaths;

/// In the order of our liking, as they stand in the handshake (RFC 7301, 3.1).
const PROTOCOLS: &[u8] = b"\x02h2\x08http/1.1";

/// A file that cannot be used for TLS.
#[derive(Debug, Error)]
#[error("{key}: {} {why}", file.display())]
pub struct TlsFileError {
    key: &'static str,
    file: PathBuf,
    why: String,
}

/// Certificate and key of the moment; cheap to clone.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<SslContext>,
    /// What was read last, usable or not.
    tried: Mutex<Tried>,
}

/// The digests of both files, or why they cannot be read.
type Tried = Result<[Sha256Digest; 2], String>;

/// Both files' contents.
struct Pair {
    certificate: Vec<u8>,
    key: PrivateKeyPem,
}

impl Tls {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// [`TlsFileError`] names the setting, the file, and what is wrong.
    pub fn load(paths: TlsPaths<'_>) -> Result<Self, TlsFileError> {
        let pair = Pair::read(paths)?;
        let context = pair.context(paths)?;
        Ok(Self(Arc::new(Inner {
            certificate: paths.certificate.to_owned(),
            key: paths.key.to_owned(),
            current: RwLock::new(context),
            tried: Mutex::new(Ok(pair.digests())),
        })))
    }

    /// Reads both files again, and says whether they are others than before.
    ///
    /// # Errors
    /// [`TlsFileError`], once for each content; what was there before goes on.
    pub fn reload(&self) -> Result<bool, TlsFileError> {
        let paths = TlsPaths {
            certificate: &self.0.certificate,
            key: &self.0.key,
        };
        let read = Pair::read(paths);
        let seen = match &read {
            Ok(pair) => Ok(pair.digests()),
            Err(error) => Err(error.to_string()),
        };
        let mut tried = self.0.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if *tried == seen {
            return Ok(false);
        }
        *tried = seen;
        let context = read?.context(paths)?;
        let current = self.0.current.write();
        *current.unwrap_or_else(PoisonError::into_inner) = context;
        Ok(true)
    }

    /// Reads both files again and again, until the task is dropped.
    pub async fn watch(self, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let tls = self.clone();
            match spawn_blocking(move || tls.reload()).await {
                Ok(Ok(true)) => tracing::info!("a new TLS certificate is in use"),
                Ok(Ok(false)) | Err(_) => {}
                Ok(Err(error)) => {
                    tracing::error!(%error, "the TLS certificate before goes on");
                }
            }
        }
    }

    /// Does the handshake with a client; the certificate is what it proved to have the key of.
    ///
    /// # Errors
    /// Where the client speaks no TLS, or none that is spoken here.
    pub async fn accept<S: AsyncRead + AsyncWrite>(
        &self,
        stream: S,
    ) -> Result<(CleanStream<S>, Option<ClientChain>), openssl::ssl::Error> {
        let context = {
            let current = self.0.current.read();
            current.unwrap_or_else(PoisonError::into_inner).clone()
        };
        let stream = SslStream::new(Ssl::new(&context)?, stream)?;
        let stream = CleanStream::accept(stream).await?;
        let certificate = presented(stream.ssl());
        Ok((stream, certificate))
    }
}

/// What the client presented. A certificate that cannot be read counts as none.
fn presented(ssl: &SslRef) -> Option<ClientChain> {
    let leaf = ssl.peer_certificate()?.to_der().ok()?;
    // OpenSSL leaves a server's list of the client's certificates without the client's own.
    let others = ssl.peer_cert_chain().into_iter().flatten();
    let others: Vec<Vec<u8>> = others.filter_map(|other| other.to_der().ok()).collect();
    ClientChain::from_der(&leaf, others.iter().map(Vec::as_slice)).ok()
}

impl Pair {
    fn read(paths: TlsPaths<'_>) -> Result<Self, TlsFileError> {
        let certificate = std::fs::read(paths.certificate);
        let key = std::fs::read_to_string(paths.key);
        Ok(Self {
            certificate: certificate
                .map_err(|why| unreadable(CERTIFICATE, paths.certificate, &why))?,
            key: PrivateKeyPem::new(key.map_err(|why| unreadable(KEY, paths.key, &why))?),
        })
    }

    fn digests(&self) -> [Sha256Digest; 2] {
        let key = Sha256Digest::of(self.key.expose().as_bytes());
        [Sha256Digest::of(&self.certificate), key]
    }

    fn context(&self, paths: TlsPaths<'_>) -> Result<SslContext, TlsFileError> {
        let wrong = |key, file: &Path, why: &str| TlsFileError {
            key,
            file: file.to_owned(),
            why: why.to_owned(),
        };
        let chain = X509::stack_from_pem(&self.certificate).unwrap_or_default();
        let mut chain = chain.into_iter();
        let own = chain.next().ok_or_else(|| {
            let why = "holds no certificate in PEM that can be read";
            wrong(CERTIFICATE, paths.certificate, why)
        })?;
        // With a passphrase at hand OpenSSL never asks a terminal for one.
        let key = PKey::private_key_from_pem_passphrase(self.key.expose().as_bytes(), b"");
        let key = key.map_err(|_| {
            let why = "holds no private key in PEM that can be read without a passphrase";
            wrong(KEY, paths.key, why)
        })?;
        let fits = own.public_key().is_ok_and(|public| public.public_eq(&key));
        if !fits {
            let why = format!(
                "is not the key of the certificate in {}",
                paths.certificate.display()
            );
            return Err(wrong(KEY, paths.key, &why));
        }
        let context = acceptor().and_then(|mut builder| {
            builder.set_certificate(&own)?;
            chain.try_for_each(|issuer| builder.add_extra_chain_cert(issuer))?;
            builder.set_private_key(&key)?;
            Ok(builder.build().into_context())
        });
        context.map_err(|error| {
            wrong(
                CERTIFICATE,
                paths.certificate,
                &format!("is refused by OpenSSL: {error}"),
            )
        })
    }
}

const CERTIFICATE: &str = "http.tls_cert_file";
const KEY: &str = "http.tls_key_file";

fn unreadable(key: &'static str, file: &Path, error: &dyn fmt::Display) -> TlsFileError {
    TlsFileError {
        key,
        file: file.to_owned(),
        why: format!("cannot be read: {error}"),
    }
}

fn acceptor() -> Result<SslAcceptorBuilder, ErrorStack> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    // A resumed session brings the client's certificate without those between it and its CA, and
    // from a handshake that was judged at another time: so there is none, and each connection proves
    // its key anew. Renegotiation would change the certificate under a connection that has one.
    builder.set_options(SslOptions::NO_TICKET | SslOptions::NO_RENEGOTIATION);
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_num_tickets(0)?;
    builder.set_session_id_context(b"portolan")?;
    // Every client is asked and none is refused: one may count by its fingerprint, and what the
    // chain is worth is decided for each request (`auth/client_certificate.rs`).
    builder.set_verify_callback(SslVerifyMode::PEER, |_, _| true);
    builder.set_alpn_select_callback(|_, offered| {
        select_next_proto(PROTOCOLS, offered).ok_or(AlpnError::ALERT_FATAL)
    });
    Ok(builder)
}
