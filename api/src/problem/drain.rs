//! Reads on after an early refusal, so that the client gets to see it.
//!
//! A server that answers and closes while the client still sends makes the client's system drop the
//! answer with the connection (a reset): people then see "broken pipe" instead of the reason. So what
//! is left of a refused body is read and thrown away, up to a bound in bytes and time.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header,
};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

/// Bytes that are read on at most.
const MOST: u64 = 64 << 20;
/// How long is read on at most.
const LONGEST: Duration = Duration::from_secs(5);

/// A request's body, of which this layer keeps a share.
#[derive(Clone)]
pub struct SharedBody {
    body: Arc<Mutex<Body>>,
    ended: Arc<AtomicBool>,
}

impl SharedBody {
    /// Takes a share of the request's body. None where there is none, or where the client waits for
    /// a word (`Expect: 100-continue`) before it sends: its refusal goes out before any byte comes.
    pub fn of(request: &mut Request) -> Option<Self> {
        let waits = request.headers().contains_key(header::EXPECT);
        if waits || request.body().is_end_stream() {
            return None;
        }
        let body = std::mem::take(request.body_mut());
        let shared = Self {
            body: Arc::new(Mutex::new(body)),
            ended: Arc::default(),
        };
        *request.body_mut() = Body::new(shared.clone());
        Some(shared)
    }

    /// Reads what is left, within bounds.
    pub async fn drain(mut self) {
        let reading = async {
            let mut read = 0;
            while read < MOST && !self.ended.load(Ordering::Relaxed) {
                let Some(Ok(frame)) = self.frame().await else {
                    return;
                };
                read += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
        };
        // Too long or too much: the connection is closed, and a client that floods sees a reset.
        let _ = tokio::time::timeout(LONGEST, reading).await;
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        let frame = Pin::new(&mut *body).poll_frame(context);
        if let Poll::Ready(None | Some(Err(_))) = frame {
            self.ended.store(true, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        let body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        body.size_hint()
    }
}
