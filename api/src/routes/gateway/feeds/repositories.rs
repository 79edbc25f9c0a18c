//! `PUT /container_gateway/repository_list`.

use axum::extract::{Request, State};
use portolan_domain::gateway::FedRepository;
use portolan_storage::FedRepositories;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Fed, ListedRepository, check_name, done, read_json, receive};
use crate::{
    auth::Manager,
    extract::Json,
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
};

/// The whole list of repositories.
#[derive(Deserialize, ToSchema)]
pub struct RepositoryList {
    /// All repositories.
    #[schema(value_type = Vec<ListedRepository>)]
    repositories: Vec<FedRepository>,
}

/// Makes this the list of repositories, and the whole of it. A repository that it does not name is gone for everybody;
/// one that comes back is whose it was. Of one that is there twice, it needs a token where either says so.
#[utoipa::path(
    put,
    path = "/repository_list",
    operation_id = "update_gateway_repositories",
    tag = "container gateway",
    request_body = RepositoryList,
    responses(
        (status = 200, body = Fed, description = "It counts from now on."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "It is too large (`gateway.feed_bytes`)."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "It is no JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn update_gateway_repositories(
    Manager(caller): Manager,
    State(state): State<AppState>,
    request: Request,
) -> Result<Json<Fed>, Problem> {
    let file = receive(&caller, request, &state).await?;
    let fed: RepositoryList = read_json(file, &state).await?;
    let mut list = FedRepositories::new();
    for one in fed.repositories {
        check_name(&one)?;
        *list.entry(one.repository).or_default() |= one.auth_required;
    }
    state
        .store
        .put_gateway_repositories(&list, &caller.by)
        .await?;
    done(&state).await
}
