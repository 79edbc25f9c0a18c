//! `?path=` of `cdn_info`: the same answer, and the URL of one file, signed.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use portolan_domain::signed_url::{ContentPath, Terms};
use portolan_storage::StorageError;
use serde::Deserialize;
use utoipa::IntoParams;

use super::path::{mark_stale, send_info};
use crate::{
    auth::Caller,
    cache::Cached,
    extract::{given, parse_path},
    problem::Problem,
    state::AppState,
    view::{SignedPath, Timestamp, with_signed_path},
};

/// What else is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InfoQuery {
    /// A file below the CDN's URL: the answer then has its URL, signed for an hour, where the CDN has a
    /// signing profile that allows it.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, example = "/content/dist/a.rpm")]
    path: Option<String>,
}

impl InfoQuery {
    /// Sends what was found: without a path as it is in memory, with one for this request alone.
    ///
    /// # Errors
    /// 400 `path-invalid`.
    pub async fn send(
        &self,
        found: &Cached,
        headers: &HeaderMap,
        caller: &Caller,
        state: &AppState,
    ) -> Result<Response, Problem> {
        let Some(path) = &self.path else {
            return Ok(send_info(found, headers));
        };
        let signed = sign(found, parse_path("path", path)?, state).await?;
        if signed.signed_url.is_some() {
            let owner = found.answer.owner();
            state.audit.urls_signed(&caller.by, Some(owner));
        }
        let body = Body::from(with_signed_path(&found.answer.json, &signed));
        let own = [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            ),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        let mut response = (own, body).into_response();
        mark_stale(found, response.headers_mut());
        Ok(response)
    }
}

async fn sign(found: &Cached, path: ContentPath, state: &AppState) -> Result<SignedPath, Problem> {
    let nothing = SignedPath {
        signed_url: None,
        signed_url_expires: None,
    };
    let Some(signer) = found.answer.signer.clone() else {
        return Ok(nothing);
    };
    let terms = Terms::new(state.clock.now(), Terms::DEFAULT_SECONDS)?;
    let expires = Timestamp(terms.expires());
    // An RSA signature takes a millisecond, in which this thread could answer a hundred others.
    let work = tokio::task::spawn_blocking(move || signer.sign(&path, &terms)).await;
    let url = work.map_err(|_| StorageError::Interrupted)??;
    Ok(url.map_or(nothing, |url| SignedPath {
        signed_url: Some(url),
        signed_url_expires: Some(expires),
    }))
}
