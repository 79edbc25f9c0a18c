//! `PUT /repos/{repo}`.

use std::collections::BTreeSet;

use axum::extract::State;
use portolan_domain::{
    ids::{CollectionId, OwnerKey},
    repo::{RepoSettings, TokenType},
};
use portolan_storage::NewRepo;
use serde::{Deserialize, de::IgnoredAny};
use utoipa::ToSchema;

use super::path::RepoPath;
use crate::{
    auth::Manager,
    extract::{Json, Path},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
    view::Repo,
};

/// A repository as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
// A misspelt requireAuthForTokenTypes would open the repository to everybody.
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RepoBody {
    /// Its name: where it is here, it must be the path's.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    name: Option<String>,
    /// Whose it is.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{1,255}$")]
    owner_key: OwnerKey,
    /// The collection whose refs it has, such as `org.example.Stable`.
    #[schema(value_type = String, max_length = 255,
             pattern = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$")]
    collection_id: CollectionId,
    /// Commits of these token types need a token. Where there is none, nothing needs one.
    #[serde(default)]
    #[schema(value_type = Vec<i32>, required = false, minimum = 0)]
    require_auth_for_token_types: BTreeSet<TokenType>,
    /// The token type of a commit that says none.
    #[serde(default)]
    #[schema(value_type = i32, required = false, minimum = 0, default = 0)]
    default_token_type: TokenType,
    /// Taken and not read: it is in what `GET` answers.
    #[serde(default)]
    #[schema(value_type = Value, required = false)]
    #[expect(dead_code, reason = "see above")]
    created: Option<IgnoredAny>,
    /// Taken and not read, likewise.
    #[serde(default)]
    #[schema(value_type = Value, required = false)]
    #[expect(dead_code, reason = "see above")]
    updated: Option<IgnoredAny>,
}

/// Makes a repository known, or changes it. Its commits stay.
#[utoipa::path(
    put,
    path = "/repos/{repo}",
    operation_id = "update_repo",
    tag = "repositories",
    params(RepoPath),
    request_body = RepoBody,
    responses(
        (status = 200, body = Repo, description = "It is so now."),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such owner."),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "Another owner has the name or the collection."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn update_repo(
    Manager(caller): Manager,
    State(state): State<AppState>,
    Path(path): Path<RepoPath>,
    Json(body): Json<RepoBody>,
) -> Result<Json<Repo>, Problem> {
    caller.check_owner(&body.owner_key)?;
    if body.name.is_some_and(|name| name != path.repo.as_str()) {
        let detail = "A repository's name stays. Make another one known, and delete this one.";
        return Err(Problem::bad_request(detail));
    }
    let new = NewRepo {
        name: path.repo,
        owner: body.owner_key,
        settings: RepoSettings {
            collection: body.collection_id,
            require_auth_for_token_types: body.require_auth_for_token_types,
            default_token_type: body.default_token_type,
        },
    };
    let stored = state.store.put_repo(&new, &caller.by).await?;
    state.edges.changed();
    Ok(Json(stored.into()))
}
