//! An upload as `multipart/form-data` (RFC 7578): one file part of any name.
//!
//! The parser keeps what stands before a part and in its head in memory, and looks through it again
//! with every chunk, without a limit of its own. So the bytes beside the file have a credit: who sends
//! more of them is refused, before they cost memory or time.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Multipart, Request, multipart::Field},
};
use futures_util::{StreamExt, TryStreamExt};

use super::{
    receive::{base_name, broken, copy},
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

/// The first part that is a file; text fields around it are left alone, a second file is refused.
pub(super) async fn receive(
    request: Request,
    spool: &Spool,
    limit: u64,
) -> Result<(UploadWriter, Option<String>), Problem> {
    let credit = Credit::new();
    let (parts, body) = request.into_parts();
    let charged = credit.clone();
    let body = body.into_data_stream().map(move |chunk| {
        let chunk = chunk.map_err(|error| error.to_string())?;
        charged.take(&chunk).map(|()| chunk)
    });
    let request = Request::from_parts(parts, Body::from_stream(body));
    let multipart = Multipart::from_request(request, &()).await;
    let mut multipart = multipart.map_err(|error| broken(error.body_text()))?;
    let mut found = None;
    loop {
        let part = multipart.next_field().await;
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
        found = Some((copy(given_back, spool, limit).await?, name));
    }
    found.ok_or_else(|| broken("The form holds no file (curl -F file=@manifest.zip)."))
}

fn is_file(part: &Field<'_>) -> bool {
    let binary = |kind: &str| kind.starts_with("application/");
    part.file_name().is_some() || part.content_type().is_some_and(binary)
}
