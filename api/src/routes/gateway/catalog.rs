//! `GET /v2/_catalog`: what the caller may pull, page by page.

use axum::{
    extract::State,
    http::{HeaderMap, Uri, header},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{private, responses::RegistryRefused};
use crate::{
    extract::Json,
    gateway::{CATALOG, Caller, Origin, PageRequest},
    problem::Problem,
    state::AppState,
};

/// A page of repositories.
#[derive(Serialize, ToSchema)]
pub struct Repositories {
    /// Their names, sorted.
    repositories: Vec<String>,
}

/// The repositories that the caller may pull.
#[utoipa::path(
    get,
    path = "/v2/_catalog",
    operation_id = "list_registry_repositories",
    tag = "container gateway",
    security((), ("registry" = [])),
    params(
        ("n" = Option<String>, Query, description = "Names at most; 1000 where there is no or a larger number."),
        ("last" = Option<String>, Query, description = "The name behind which the page begins."),
    ),
    responses(
        (status = 200, body = Repositories, description = "A page of names.",
         headers(("Link" = String, description = "Where the next page is, if there is one."))),
        RegistryRefused,
    )
)]
pub async fn list_registry_repositories(
    caller: Caller,
    origin: Origin,
    State(state): State<AppState>,
    uri: Uri,
) -> Result<(HeaderMap, Json<Repositories>), Problem> {
    if !caller.is_known() {
        return Err(origin.unauthorized(Some(CATALOG), caller.shown));
    }
    let page = PageRequest::of(&uri)?;
    let directory = state.gateway.directories.current().await?;
    let names = directory.names(&caller.subject, page.last.as_deref());
    let (names, last) = page.take(names);
    let mut headers = private();
    let path = format!("{}/v2/_catalog", origin.mount);
    if let Some(link) = last.and_then(|last| page.link(&path, &last)) {
        headers.insert(header::LINK, link);
    }
    let repositories = names.into_iter().map(ToOwned::to_owned).collect();
    Ok((headers, Json(Repositories { repositories })))
}
