//! `GET` and `HEAD` of manifests, blobs and lists of tags.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::responses::RegistryRefused;
use crate::{
    config::TokenFormat,
    extract::{Json, Path},
    gateway::{Caller, ContentPath, Origin, PageRequest, Passing, Shown, Target, name_unknown},
    problem::{Problem, RegistryErrors},
    state::AppState,
};

/// A list of tags as a registry has it; none of a repository without any.
#[derive(Serialize, Deserialize)]
struct Tags {
    name: String,
    tags: Option<Vec<String>>,
}

/// Passes on a manifest (`<name>/manifests/<tag or digest>`), a blob (`<name>/blobs/<digest>`) or the list of a
/// repository's tags (`<name>/tags/list`), where the caller may pull the repository. HEAD likewise. Depending on
/// `gateway.mode` the answer is the content itself, or where it is.
#[utoipa::path(
    get,
    path = "/v2/{*rest}",
    operation_id = "get_registry_content",
    tag = "container gateway",
    security((), ("registry" = [])),
    params(
        ("rest" = String, Path, description = "A repository's name, with its slashes, and what is wanted of it.",
         example = "library/busybox/manifests/latest"),
        ("n" = Option<String>, Query, description = "Of a list: tags at most; 1000 where there is no or a larger number."),
        ("last" = Option<String>, Query, description = "Of a list: the tag behind which the page begins."),
    ),
    responses(
        (status = 200, body = String, content_type = "application/octet-stream",
         description = "The content, as the registry has it. A list is JSON: `{\"name\",\"tags\"}`.",
         headers(("Link" = String, description = "Of a list: where the next page is, if there is one."))),
        (status = 206, body = String, content_type = "application/octet-stream",
         description = "A part of the content (`Range`)."),
        (status = 302, description = "Where the content is."),
        (status = 304, description = "It is what the caller has."),
        (status = 307, description = "Where the content is."),
        (status = 404, body = RegistryErrors,
         description = "There is no such repository for this caller, or no such content."),
        (status = 416, body = RegistryErrors, description = "It has no such part."),
        (status = 502, body = RegistryErrors, description = "The registry behind the gateway gives no answer of use."),
        RegistryRefused,
    )
)]
pub async fn get_registry_content(
    Path(rest): Path<String>,
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    let path = ContentPath::of(&rest).ok_or_else(|| name_unknown(&rest))?;
    let is_open = check_access(&path, &parts, &state).await?;
    let mut response = if path.target == Target::Tags {
        tags(&path, &parts, &state).await?
    } else {
        let passing = Passing {
            token: token(&path, &state).await?,
            path: &path,
            method: &parts.method,
            headers: &parts.headers,
        };
        state.gateway.upstream.pass(passing).await?
    };
    if !is_open {
        // A certificate leaves no mark in a request by which a cache in front would tell its callers apart.
        let private = HeaderValue::from_static("private");
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, private);
    }
    Ok(response)
}

/// Whether everybody may have it: what is open needs neither a token nor whoever knows of it.
async fn check_access(
    path: &ContentPath<'_>,
    parts: &Parts,
    state: &AppState,
) -> Result<bool, Problem> {
    let directory = state.gateway.directories.current().await?;
    if directory.is_open(path.name) {
        return Ok(true);
    }
    let caller = Caller::of(parts, state).await?;
    if caller.may_pull(&directory, path.name) {
        return Ok(false);
    }
    if caller.shown == Shown::Token {
        return Err(name_unknown(path.name));
    }
    let scope = Origin::pull(path.name);
    Err(Origin::of(parts, state).unauthorized(scope.as_deref(), caller.shown))
}

/// What a registry that verifies tokens itself wants to see of the gateway: whether the caller may, is decided here.
async fn token(path: &ContentPath<'_>, state: &AppState) -> Result<Option<String>, Problem> {
    if state.config.gateway.token_format == TokenFormat::Opaque
        || !state.gateway.upstream.is_asked()
    {
        return Ok(None);
    }
    Ok(Some(state.gateway.registry.own(path.name).await?))
}

/// A page of tags, whether the registry knows pages or not.
async fn tags(
    path: &ContentPath<'_>,
    parts: &Parts,
    state: &AppState,
) -> Result<Response, Problem> {
    let page = PageRequest::of(&parts.uri)?;
    let mut query = vec![("n".to_owned(), page.n.to_string())];
    query.extend(page.last.clone().map(|last| ("last".to_owned(), last)));
    let token = token(path, state).await?;
    let read = state
        .gateway
        .upstream
        .read(&path.written(), &query, token)
        .await?;
    let (told, more): (Tags, bool) = match read {
        Ok(read) => read,
        Err(refused) => return Ok(refused),
    };
    let mut tags = told.tags.unwrap_or_default();
    // One that knows no pages tells all tags, those before the page too, in whatever order.
    if !more {
        tags.sort_unstable();
        tags.retain(|tag| page.last.as_ref().is_none_or(|last| tag > last));
    }
    let (tags, cut) = page.take(tags.into_iter());
    let last = cut.or_else(|| tags.last().filter(|_| more).cloned());
    let mut headers = HeaderMap::new();
    let link_path = format!("{}{}", Origin::of(parts, state).mount, path.written());
    if let Some(link) = last.and_then(|last| page.link(&link_path, &last)) {
        headers.insert(header::LINK, link);
    }
    let tags = Tags {
        name: path.name.to_owned(),
        tags: Some(tags),
    };
    Ok((StatusCode::OK, headers, Json(tags)).into_response())
}
