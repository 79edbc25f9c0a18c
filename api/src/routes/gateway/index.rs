//! `GET /index/static`: Flatpak's index of OCI images.

use axum::{
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};

use super::responses::RegistryRefused;
use crate::{
    extract::Json,
    gateway::{Caller, Index, filtered},
    problem::{Problem, RegistryErrors},
    state::AppState,
};

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
    State(state): State<AppState>,
    uri: Uri,
) -> Result<Response, Problem> {
    let query: Vec<(String, String)> =
        serde_html_form::from_str(uri.query().unwrap_or_default())
            .map_err(|error| Problem::bad_request(format!("The query cannot be read: {error}.")))?;
    let read = state
        .gateway
        .upstream
        .read("/index/static", &query, None)
        .await?;
    let (index, _): (Index, bool) = match read {
        Ok(read) => read,
        Err(refused) => return Ok(refused),
    };
    let directory = state.gateway.directories.current().await?;
    let index = filtered(index, |name| directory.may_pull(&caller.subject, name));
    let index = index.ok_or_else(|| {
        let title = "The registry behind the gateway fails";
        let detail = "What the registry has at /index/static is no index.";
        Problem::new(StatusCode::BAD_GATEWAY, "registry-upstream", title, detail)
    })?;
    Ok(Json(index).into_response())
}
