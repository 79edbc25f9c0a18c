//! Answers on their way out.
//!
//! Over HTTP/1 an answer that its client does not take fills the socket, where the stream's own limit
//! ends it. Over HTTP/2 the client closes the flow-control window of that one answer (RFC 9113, 5.2),
//! and the socket stays free: then nobody asks the answer's body for more, and that is how it is seen.
//! Only that answer is given up, for a proxy has many clients on one connection.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use hyper::rt::Executor;
use tokio::{
    sync::watch::{self, Receiver, Sender},
    time::{Instant, timeout_at},
};

use super::activity::UnderWay;

/// Since when an answer waits for its client to take more; none where the client waits for us.
type Waiting = Option<Instant>;

tokio::task_local! {
    static WAITING: Sender<Waiting>;
}

/// Runs the streams of HTTP/2 connections, and gives up those whose answers are not taken.
#[derive(Clone)]
pub struct Streams {
    /// How long a client may take nothing.
    pub write: Duration,
}

impl<F> Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let (waiting, waits) = watch::channel(None);
        let write = self.write;
        tokio::spawn(async move {
            tokio::select! {
                _ = WAITING.scope(waiting, stream) => {}
                // Dropping the stream resets it.
                () = untaken(waits, write) => tracing::debug!("an answer was not taken"),
            }
        });
    }
}

/// Ends once an answer has waited for its client for too long.
async fn untaken(mut waits: Receiver<Waiting>, write: Duration) {
    loop {
        let since = *waits.borrow_and_update();
        let changed = match since {
            None => waits.changed().await,
            Some(since) => match timeout_at(since + write, waits.changed()).await {
                Ok(changed) => changed,
                Err(_) => return,
            },
        };
        if changed.is_err() {
            // No body waits any more.
            std::future::pending::<()>().await;
        }
    }
}

/// The body of an answer: its request is under way until it is dropped.
pub struct Answer {
    body: Body,
    waiting: Option<Sender<Waiting>>,
    _request: UnderWay,
}

impl Answer {
    /// The body of the answer to this request.
    pub fn new(body: Body, request: UnderWay) -> Self {
        let waiting = WAITING.try_with(Clone::clone).ok();
        let answer = Self {
            body,
            waiting,
            _request: request,
        };
        answer.waits(Some(Instant::now()));
        answer
    }

    fn waits(&self, since: Waiting) {
        if let Some(waiting) = &self.waiting {
            waiting.send_replace(since);
        }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.waits(frame.is_ready().then(Instant::now));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.waits(None);
    }
}
