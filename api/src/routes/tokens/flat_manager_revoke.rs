//! `POST /api/v1/tokens/revoke`: how flat-manager's clients revoke tokens.

use axum::{extract::State, http::StatusCode};
use portolan_domain::token::Revoked;
use portolan_storage::NewRevocation;

use super::{flat_manager_list::TokenIds, revoke::name};
use crate::{
    auth::TokenManager,
    extract::Json,
    problem::{BadRequest, Problem, ProblemBody, TokenRefused, TooSlow},
    state::AppState,
};

/// Ids in one request at most: each has a row in the audit log.
const MOST: usize = 5000;

/// Revokes the tokens of these ids, and every token whose first parent is one of them, all or none. One
/// that nobody knows is revoked, too.
#[utoipa::path(
    post,
    path = "/api/v1/tokens/revoke",
    operation_id = "create_flat_manager_revocation",
    tag = "tokens",
    security(("token" = [])),
    request_body = TokenIds,
    responses(
        (status = 204, description = "They are revoked."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, TokenRefused, TooSlow,
    )
)]
pub async fn create_flat_manager_revocation(
    TokenManager(by): TokenManager,
    State(state): State<AppState>,
    Json(asked): Json<TokenIds>,
) -> Result<StatusCode, Problem> {
    if asked.token_ids.len() > MOST {
        let detail =
            format!("token_ids has more than {MOST} ids. Send the rest in another request.");
        return Err(Problem::bad_request(detail));
    }
    let ids = asked.token_ids.into_iter();
    let wanted: Result<Vec<_>, Problem> = ids
        .map(|id| {
            Ok(NewRevocation::of(Revoked::Jti(name(
                "an id of token_ids",
                id,
            )?)))
        })
        .collect();
    let revoked = state.store.revoke_tokens(wanted?, &by).await?;
    state.tokens.revocations().learn(revoked);
    Ok(StatusCode::NO_CONTENT)
}
