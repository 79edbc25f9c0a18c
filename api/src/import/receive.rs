//! Receives an upload: `multipart/form-data` with one file part of any name, or the zip itself.

use std::{io, time::Instant};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use futures_util::{Stream, StreamExt, TryStreamExt};

use super::{
    form,
    pace::Pace,
    upload::{ReceivedUpload, Spool, UploadWriter},
};
use crate::problem::Problem;

/// How a manifest may come.
const MANIFEST: &str = "Send the manifest as multipart/form-data with one file part \
                        (curl -F file=@manifest.zip), or as the body with Content-Type: application/zip.";
/// How lines may come.
const LINES: &str = "Send the lines as the body, with Content-Type: application/x-ndjson.";
/// How a feed may come.
const FEED: &str = "Send the feed as the body, with Content-Type: application/json.";

/// Bytes at most, and the setting that says so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    bytes: u64,
    key: &'static str,
}

impl Limit {
    /// That of what is imported.
    pub(super) const fn of_uploads(bytes: u64) -> Self {
        let key = "import.limits.upload_bytes";
        Self { bytes, key }
    }
}

/// What NDJSON is called, and what clients send that do not think of it. A form is none of these.
const LINE_KINDS: [&str; 6] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/json",
    "text/plain",
    "application/octet-stream",
];

/// Receives at most `limit` bytes into a file of ours.
///
/// # Errors
/// 400 for a broken body, 408 for one that comes too slowly, 413 for one that is too large, 415 for another media type.
pub async fn receive(
    request: Request,
    spool: &Spool,
    limit: u64,
    pace: Pace,
) -> Result<ReceivedUpload, Problem> {
    let (started, limit) = (Instant::now(), Limit::of_uploads(limit));
    let kind = essence(request.headers());
    let name = file_name_of(request.headers());
    let (writer, name) = match kind.as_str() {
        "multipart/form-data" => form::receive(request, spool, limit, &pace).await?,
        "application/zip" => (whole(request, spool, limit, &pace).await?, name),
        _ => return Err(unsupported(MANIFEST)),
    };
    let receive_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    writer
        .finish(name, receive_ms)
        .map_err(|error| disk(&error))
}

/// Receives the lines of a batch, as the body itself.
///
/// # Errors
/// As [`receive`].
pub async fn receive_lines(
    request: Request,
    spool: &Spool,
    limit: u64,
    pace: Pace,
) -> Result<ReceivedUpload, Problem> {
    let kind = essence(request.headers());
    if !kind.is_empty() && !LINE_KINDS.contains(&kind.as_str()) {
        return Err(unsupported(LINES));
    }
    let limit = Limit::of_uploads(limit);
    let writer = whole(request, spool, limit, &pace).await?;
    writer.finish(None, 0).map_err(|error| disk(&error))
}

/// Receives what a content system feeds, as the body itself: JSON, and large.
///
/// # Errors
/// As [`receive`].
pub async fn receive_feed(
    request: Request,
    spool: &Spool,
    limit: u64,
    pace: Pace,
) -> Result<ReceivedUpload, Problem> {
    let kind = essence(request.headers());
    if !matches!(kind.as_str(), "" | "application/json") {
        return Err(unsupported(FEED));
    }
    let limit = Limit {
        bytes: limit,
        key: "gateway.feed_bytes",
    };
    let writer = whole(request, spool, limit, &pace).await?;
    writer.finish(None, 0).map_err(|error| disk(&error))
}

/// The body as it is.
async fn whole(
    request: Request,
    spool: &Spool,
    limit: Limit,
    pace: &Pace,
) -> Result<UploadWriter, Problem> {
    refuse_announced(request.headers(), limit)?;
    let chunks = Body::into_data_stream(request.into_body());
    let chunks = chunks.inspect_ok(|chunk| pace.came(chunk));
    copy(chunks, spool, limit, pace).await
}

fn essence(headers: &HeaderMap) -> String {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let essence = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn unsupported(detail: &str) -> Problem {
    let title = "The media type is not supported";
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Problem::new(status, "unsupported-media-type", title, detail)
}

fn too_large(Limit { bytes, key }: Limit) -> Problem {
    let title = "The upload is too large";
    let detail = format!("An upload may have at most {bytes} bytes ({key}).");
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "upload-too-large",
        title,
        detail,
    )
}

pub(super) fn broken(detail: impl Into<String>) -> Problem {
    Problem::bad_request(detail).with("stage", "receive")
}

fn disk(error: &io::Error) -> Problem {
    tracing::error!(%error, "an upload cannot be written");
    let title = "The service is not available";
    let detail = "The upload cannot be stored here at the moment. Nothing was changed.";
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        title,
        detail,
    )
    .header(header::RETRY_AFTER, HeaderValue::from_static("60"))
}

/// What says itself that it is too large is refused before its first byte is read.
fn refuse_announced(headers: &HeaderMap, limit: Limit) -> Result<(), Problem> {
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    match length.and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length > limit.bytes => Err(too_large(limit)),
        _ => Ok(()),
    }
}

/// Copies at most `limit` bytes into a file of ours.
pub(super) async fn copy<E: std::fmt::Display>(
    mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
    spool: &Spool,
    limit: Limit,
    pace: &Pace,
) -> Result<UploadWriter, Problem> {
    let mut writer = spool.begin().map_err(|error| disk(&error))?;
    let mut size = 0;
    loop {
        let Some(chunk) = pace.wait(chunks.next()).await? else {
            return Ok(writer);
        };
        let chunk = chunk.map_err(|_| broken("The upload ended early."))?;
        size += chunk.len() as u64;
        if size > limit.bytes {
            return Err(too_large(limit));
        }
        // Into the page cache: as fast as handing the chunk to another thread would be.
        writer.write(&chunk).map_err(|error| disk(&error))?;
    }
}

/// The name in `Content-Disposition`, where a raw upload brings one.
fn file_name_of(headers: &HeaderMap) -> Option<String> {
    let disposition = headers.get(header::CONTENT_DISPOSITION)?.to_str().ok()?;
    let (_, name) = disposition.split_once("filename=")?;
    let name = name.split(';').next()?.trim().trim_matches('"');
    (!name.is_empty()).then(|| base_name(name))
}

/// A name for records and logs: no folders, no control characters, of bounded length.
pub(super) fn base_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    name.chars().filter(|c| !c.is_control()).take(255).collect()
}
