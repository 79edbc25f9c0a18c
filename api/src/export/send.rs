//! A finished export on its way out: the outer archive is written while it is sent.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
};

use axum::body::{Body, Bytes};
use futures_util::stream;
use portolan_domain::build::{BuildError, SignedExport};
use tokio::sync::mpsc;

use crate::import::Place;

/// Bytes that are sent at once, and how often until the client has taken some.
const CHUNK: usize = 64 << 10;
const AHEAD: usize = 4;

/// A finished export. It holds its place until it is out.
pub struct Export {
    signed: SignedExport<File>,
    /// How many entitlements are in it.
    pub entitlements: u64,
    place: Place,
}

/// Bytes, or the end. Without an end, the writer has failed: the client must not take what it has for
/// the whole.
type Chunk = Result<Option<Bytes>, io::Error>;

impl Export {
    pub(super) fn new(signed: SignedExport<File>, entitlements: u64, place: Place) -> Self {
        Self {
            signed,
            entitlements,
            place,
        }
    }

    /// Writes the manifest.
    ///
    /// # Errors
    /// [`BuildError`] where it could not be written.
    pub fn write(self, out: impl Write) -> Result<(), BuildError> {
        self.signed.write(out)
    }

    /// The manifest as a body. A client that goes away ends the work.
    pub fn into_body(self) -> Body {
        let (sender, receiver) = mpsc::channel::<Chunk>(AHEAD);
        tokio::task::spawn_blocking(move || {
            let _until_then: Place = self.place;
            let out = BufWriter::with_capacity(CHUNK, Sending(sender.clone()));
            let end = match self.signed.write(out) {
                Ok(()) => Ok(None),
                Err(error) => Err(io::Error::other(error)),
            };
            // Where nobody listens, the client went away.
            let _ = sender.blocking_send(end);
        });
        Body::from_stream(stream::unfold(Some(receiver), next))
    }
}

async fn next(
    receiver: Option<mpsc::Receiver<Chunk>>,
) -> Option<(io::Result<Bytes>, Option<mpsc::Receiver<Chunk>>)> {
    let mut receiver = receiver?;
    match receiver.recv().await {
        Some(Ok(Some(bytes))) => Some((Ok(bytes), Some(receiver))),
        Some(Ok(None)) => None,
        Some(Err(error)) => {
            tracing::error!(%error, "an export was cut off");
            Some((Err(error), None))
        }
        None => Some((Err(io::ErrorKind::Interrupted.into()), None)),
    }
}

/// Hands bytes to the client, and waits for it.
struct Sending(mpsc::Sender<Chunk>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = Bytes::copy_from_slice(bytes);
        let sent = self.0.blocking_send(Ok(Some(chunk)));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
