//! `POST /token_subset`, and flat-manager's own path for it: a narrower token out of the caller's.

use axum::{
    extract::State,
    http::{HeaderName, HeaderValue, header},
};
use portolan_domain::token::{CollectionRef, Scope, Subset};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    auth::ParentToken,
    extract::Json,
    problem::{BadRequest, Problem, ProblemBody, TokenRefused, TooSlow},
    state::AppState,
};

/// What the child may do. A list that is left out, or null, is the parent's.
#[derive(Deserialize, ToSchema)]
pub struct TokenSubset {
    /// What people call it, below its parent's name.
    name: String,
    /// What it is about: the parent's `sub`, or something below it at a `/`.
    sub: String,
    /// What may be done with it: `jobs`, `build`, `upload`, `publish`, `generate`, `download`,
    /// `republish`, `reviewcheck`, `tokenmanagement`.
    scope: Vec<String>,
    /// For how many seconds it counts; less than none is none.
    duration: i64,
    /// Prefixes of app ids: the parent's, or longer ones.
    prefixes: Option<Vec<String>>,
    /// App ids, exactly.
    apps: Option<Vec<String>>,
    /// Repositories.
    repos: Option<Vec<String>>,
    /// Branches.
    branches: Option<Vec<String>>,
    /// The only refs that it is for.
    refs: Option<Vec<TokenRef>>,
    /// The user whom it is given. Once set it cannot change.
    user: Option<String>,
    /// Where it counts. Once set it cannot change.
    aud: Option<String>,
}

/// A ref of a collection.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenRef {
    /// The collection's id.
    collection_id: String,
    /// The ref, such as `app/org.cool.Game/x86_64/stable`.
    #[serde(rename = "ref")]
    name: String,
}

/// The child.
#[derive(Serialize, ToSchema)]
pub struct MadeToken {
    /// The token.
    token: String,
}

/// An answer that no cache may keep (RFC 6749, section 5.1).
pub type Secret<T> = ([(HeaderName, HeaderValue); 1], Json<T>);

/// Makes a token that may do less than the one that asks. The child of an HS256 token is one that
/// flat-manager reads; any other is signed with the default key.
#[utoipa::path(
    post,
    path = "/token_subset",
    operation_id = "create_token_subset",
    tag = "tokens",
    security(("token" = [])),
    request_body = TokenSubset,
    responses(
        (status = 200, body = MadeToken, description = "The child."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, TokenRefused, TooSlow,
    )
)]
pub async fn create_token_subset(
    ParentToken(parent): ParentToken,
    State(state): State<AppState>,
    Json(asked): Json<TokenSubset>,
) -> Result<Secret<MadeToken>, Problem> {
    Ok(made(state.tokens.subset(&parent, &asked.into()).await?))
}

/// The answer with a child.
#[must_use]
pub fn made(token: String) -> Secret<MadeToken> {
    let unkept = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    ([unkept], Json(MadeToken { token }))
}

/// The same, where flat-manager's clients ask for it.
#[utoipa::path(
    post,
    path = "/api/v1/token_subset",
    operation_id = "create_flat_manager_token_subset",
    tag = "tokens",
    security(("token" = [])),
    request_body = TokenSubset,
    responses(
        (status = 200, body = MadeToken, description = "The child."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, TokenRefused, TooSlow,
    )
)]
pub async fn create_flat_manager_token_subset(
    parent: ParentToken,
    state: State<AppState>,
    asked: Json<TokenSubset>,
) -> Result<Secret<MadeToken>, Problem> {
    create_token_subset(parent, state, asked).await
}

impl From<TokenSubset> for Subset {
    fn from(asked: TokenSubset) -> Self {
        let a_ref = |asked: TokenRef| CollectionRef {
            collection_id: asked.collection_id,
            name: asked.name,
        };
        Self {
            name: asked.name,
            sub: asked.sub,
            scope: asked.scope.into_iter().map(Scope::from).collect(),
            duration: asked.duration,
            prefixes: asked.prefixes,
            apps: asked.apps,
            repos: asked.repos,
            branches: asked.branches,
            refs: asked.refs.map(|refs| refs.into_iter().map(a_ref).collect()),
            user: asked.user,
            aud: asked.aud,
        }
    }
}
