//! An upload as `multipart/form-data` (RFC 7578): one file part of any name.
//!
//! The parser keeps what stands before a part and in its head in memory, and looks through it again
//! with every chunk, without a limit of its own. So the bytes beside the file have a credit: who sends
//! more of them is refused, before they cost memory or time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::Poll,
};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Multipart, Request, multipart::Field},
};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

use super::{
    pace::Pace,
    receive::{Limit, base_name, broken, copy},
    upload::{Spool, UploadWriter},
};
use crate::problem::Problem;

/// Bytes of a form beside its file.
const BESIDE_THE_FILE: i64 = 1 << 20;

/// What a form may still send; the file's own bytes are given back.
#[derive(Clone)]
struct Credit(Arc<AtomicI64>);

impl Credit {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(BESIDE_THE_FILE)))
    }

    fn take(&self, chunk: &Bytes) -> Result<(), String> {
        let length = i64::try_from(chunk.len()).unwrap_or(i64::MAX);
        if self.0.fetch_sub(length, Ordering::Relaxed) < length {
            return Err(format!("over {BESIDE_THE_FILE} bytes beside the file"));
        }
        Ok(())
    }

    fn give_back(&self, chunk: &Bytes) {
        let length = i64::try_from(chunk.len()).unwrap_or(i64::MAX);
        self.0.fetch_add(length, Ordering::Relaxed);
    }
}

fn charged(
    body: Body,
    credit: Credit,
    pace: Pace,
) -> impl Stream<Item = Result<Bytes, String>> + Unpin {
    body.into_data_stream().map(move |chunk| {
        let chunk = chunk.map_err(|error| error.to_string())?;
        pace.came(&chunk);
        credit.take(&chunk).map(|()| chunk)
    })
}

/// Hands out one chunk per look. The parser reads on for as long as there is anything, and would
/// take megabytes of the file into its memory before it sees that they are the file's.
fn one_at_a_time<S: Stream + Unpin>(mut chunks: S) -> impl Stream<Item = S::Item> {
    let mut pause = false;
    stream::poll_fn(move |context| {
        if std::mem::take(&mut pause) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let chunk = chunks.poll_next_unpin(context);
        pause = matches!(chunk, Poll::Ready(Some(_)));
        chunk
    })
}

/// The first part that is a file; text fields around it are left alone, a second file is refused.
pub(super) async fn receive(
    request: Request,
    spool: &Spool,
    limit: Limit,
    pace: &Pace,
) -> Result<(UploadWriter, Option<String>), Problem> {
    let credit = Credit::new();
    let (parts, body) = request.into_parts();
    let body = one_at_a_time(charged(body, credit.clone(), pace.clone()));
    let request = Request::from_parts(parts, Body::from_stream(body));
    let multipart = Multipart::from_request(request, &()).await;
    let mut multipart = multipart.map_err(|error| broken(error.body_text()))?;
    let mut found = None;
    loop {
        let part = pace.wait(multipart.next_field()).await?;
        let unreadable = |_| {
            let most = BESIDE_THE_FILE >> 20;
            broken(format!(
                "The form is broken, ended early, or holds over {most} MiB beside its file."
            ))
        };
        let Some(part) = part.map_err(unreadable)? else {
            break;
        };
        if !is_file(&part) {
            continue;
        }
        if found.is_some() {
            return Err(broken(
                "The form holds two files; send one manifest at a time.",
            ));
        }
        let name = part.file_name().map(base_name);
        let given_back = part.inspect_ok(|chunk| credit.give_back(chunk));
        found = Some((copy(given_back, spool, limit, pace).await?, name));
    }
    found.ok_or_else(|| broken("The form holds no file (curl -F file=@manifest.zip)."))
}

fn is_file(part: &Field<'_>) -> bool {
    let binary = |kind: &str| kind.starts_with("application/");
    part.file_name().is_some() || part.content_type().is_some_and(binary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HttpLimits;

    /// A form whose chunks are all there at once, as over HTTP/2.
    fn form(file: usize) -> Request {
        let head = b"--X\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\n";
        let whole = [&head[..], &vec![7; file], b"\r\n--X--\r\n"].concat();
        let chunks: Vec<_> = whole.chunks(16 << 10).map(Bytes::copy_from_slice).collect();
        let body = stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
        let kind = ("content-type", "multipart/form-data; boundary=X");
        let request = Request::builder().method("POST").header(kind.0, kind.1);
        request.body(Body::from_stream(body)).unwrap()
    }

    #[tokio::test]
    async fn a_file_is_not_charged_however_fast_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path()).unwrap();
        // Over the credit, and under the limit that the router lifts for real requests.
        let size = 1_900_000;
        let pace = Pace::new(&HttpLimits::default());
        let received = receive(form(size), &spool, Limit::of_uploads(64 << 20), &pace).await;
        let (writer, name) = received.unwrap();
        let upload = writer.finish(name, 0).unwrap();
        assert_eq!(
            (upload.size, upload.file_name.as_deref()),
            (size as u64, Some("b"))
        );
    }
}
