//! `GET /index/static`: Flatpak's index of OCI images.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use tokio::{sync::OwnedSemaphorePermit, task::spawn_blocking};

use super::{private, responses::RegistryRefused};
use crate::{
    gateway::{Caller, Index, Origin, filtered},
    problem::{Problem, RegistryErrors},
    state::AppState,
};

/// How long one waits for a turn.
const WAIT: Duration = Duration::from_secs(5);
/// Bytes that are sent at once.
const PIECE: usize = 64 << 10;

/// The registry's index, with what the caller may pull and nothing else. The query goes to the registry as it is:
/// `architecture`, `os`, `tag`, labels.
#[utoipa::path(
    get,
    path = "/index/static",
    operation_id = "get_registry_index",
    tag = "container gateway",
    security((), ("registry" = [])),
    responses(
        (status = 200, body = Object, description = "The index: `{\"Registry\",\"Results\":[{\"Name\",\"Images\"}]}`."),
        (status = 404, body = RegistryErrors, description = "The registry has no index."),
        (status = 502, body = RegistryErrors, description = "The registry behind the gateway gives no answer of use."),
        RegistryRefused,
    )
)]
pub async fn get_registry_index(
    caller: Caller,
    origin: Origin,
    State(state): State<AppState>,
    uri: Uri,
) -> Result<Response, Problem> {
    let query: Vec<(String, String)> =
        serde_html_form::from_str(uri.query().unwrap_or_default())
            .map_err(|error| Problem::bad_request(format!("The query cannot be read: {error}.")))?;
    let turn = tokio::time::timeout(WAIT, state.gateway.indexing.clone().acquire_owned()).await;
    let turn = turn.ok().and_then(Result::ok).ok_or_else(busy)?;
    let upstream = state.gateway.upstream.clone();
    let read = upstream.read("/index/static", &query, None).await?;
    let (index, _): (Index, bool) = match read {
        Ok(read) => read,
        Err(refused) => return Ok(refused),
    };
    let directory = state.gateway.directories.current().await?;
    let filtering = spawn_blocking(move || {
        let may_pull = |name: &str| directory.may_pull(&caller.subject, name);
        let own = (|url: &str| upstream.is_at(url), origin.base());
        filtered(index, may_pull, own).and_then(|index| serde_json::to_vec(&index).ok())
    });
    let json = filtering.await.ok().flatten().ok_or_else(no_index)?;
    let length = [(header::CONTENT_LENGTH, HeaderValue::from(json.len()))];
    let kind = [(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    )];
    Ok((private(), kind, length, held(json.into(), turn)).into_response())
}

/// In pieces, and the turn is over with the last of them: an index may be large, and its readers slow.
fn held(json: Bytes, turn: OwnedSemaphorePermit) -> Body {
    let pieces = stream::unfold((json, turn), |(mut json, turn)| async move {
        let piece = json.split_to(json.len().min(PIECE));
        (!piece.is_empty()).then_some((Ok::<_, Infallible>(piece), (json, turn)))
    });
    Body::from_stream(pieces)
}

fn busy() -> Problem {
    let title = "The service is busy";
    let detail = "Too many read the index at the moment. Try again soon.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", title, detail)
        .header(header::RETRY_AFTER, HeaderValue::from_static("10"))
}

fn no_index() -> Problem {
    let title = "The registry behind the gateway fails";
    let detail = "What the registry has at /index/static is no index.";
    Problem::new(StatusCode::BAD_GATEWAY, "registry-upstream", title, detail)
}
