//! `GET /v1/search`: as podman and docker search.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, request::Parts},
};
use portolan_domain::gateway::Subject;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    private,
    responses::RegistryRefused,
    token::{
        credentials::{Authorized, authorized},
        refused,
    },
};
use crate::{
    auth::address_of,
    extract::{Json, Query},
    gateway::{Caller, Origin, Shown},
    problem::{Problem, RegistryErrors},
    state::AppState,
};

/// Results where it is not said how many.
const DEFAULT: usize = 25;
/// Results at most.
const MOST: usize = 100;

/// What is looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// A part of the name; everything where it is left out.
    #[serde(default)]
    q: String,
    /// Results at most: 1 to 100, and 25 where it is left out.
    n: Option<String>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub struct SearchResults {
    /// How many results there are.
    num_results: usize,
    /// What was looked for.
    query: String,
    /// The results, by name.
    results: Vec<SearchResult>,
}

/// A repository that was found.
#[derive(Serialize, ToSchema)]
pub struct SearchResult {
    /// Its name.
    name: String,
    /// Nothing is known of it.
    description: &'static str,
    /// Nobody counts.
    star_count: u32,
    /// None is.
    is_official: bool,
    /// None is.
    is_automated: bool,
}

/// Searches the names of what the caller may pull. A caller who shows a user name and a password is that user; one who
/// shows nothing finds what needs no token.
#[utoipa::path(
    get,
    path = "/v1/search",
    operation_id = "list_registry_search_results",
    tag = "container gateway",
    security((), ("registry" = []), ("registry_login" = [])),
    params(SearchQuery),
    responses(
        (status = 200, body = SearchResults, description = "What was found."),
        (status = 404, body = RegistryErrors,
         description = "The client speaks the second version: it lists the repositories instead."),
        RegistryRefused,
    )
)]
pub async fn list_registry_search_results(
    State(state): State<AppState>,
    Query(query): Query<SearchQuery>,
    parts: Parts,
) -> Result<(HeaderMap, Json<SearchResults>), Problem> {
    refuse_second_version(&parts.headers)?;
    let n = match query.n.as_deref().map(str::parse::<usize>) {
        None => DEFAULT,
        Some(Ok(n)) => n.min(MOST),
        Some(Err(_)) => return Err(Problem::bad_request("n must be a number.")),
    };
    let subject = subject(&parts, &state).await?;
    let directory = state.gateway.directories.current().await?;
    let named = directory.names(&subject, None);
    let found = named.filter(|name| name.contains(&query.q)).take(n);
    let results: Vec<SearchResult> = found.map(result).collect();
    let results = SearchResults {
        num_results: results.len(),
        query: query.q,
        results,
    };
    Ok((private(), Json(results)))
}

async fn subject(parts: &Parts, state: &AppState) -> Result<Subject, Problem> {
    let by_password = by_password(parts, state).await;
    if let Some(subject) = by_password.map_err(|problem| refused(problem, parts, state))? {
        return Ok(subject);
    }
    let caller = Caller::of(parts, state).await?;
    if caller.shown == Shown::Invalid {
        let refused = Origin::of(parts, state).unauthorized(None, caller.shown);
        return Err(refused);
    }
    Ok(caller.subject)
}

/// None where no password is shown.
async fn by_password(parts: &Parts, state: &AppState) -> Result<Option<Subject>, Problem> {
    let Authorized::By(credentials) = authorized(&parts.headers)? else {
        return Ok(None);
    };
    let address = address_of(parts, state);
    let login = state.gateway.logins.log_in(&credentials, false, address);
    Ok(Some(Box::pin(login).await?.subject))
}

fn result(name: &str) -> SearchResult {
    SearchResult {
        name: name.to_owned(),
        description: "",
        star_count: 0,
        is_official: false,
        is_automated: false,
    }
}

/// Clients that speak the second version go on to its list of repositories where this one answers 404.
pub fn refuse_second_version(headers: &HeaderMap) -> Result<(), Problem> {
    let mut said = headers.get_all("docker-distribution-api-version").iter();
    if said.any(|value| value.as_bytes() == b"registry/2.0") {
        let detail = "A client of the second version lists repositories: GET /v2/_catalog.";
        let title = "That is for clients of the first version";
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "registry-second-version",
            title,
            detail,
        ));
    }
    Ok(())
}
