//! `POST /revoke`: a token revokes itself (RFC 7009).

use axum::{extract::State, http::StatusCode};
use portolan_domain::token::{Revoked, RevokedName, TokenKind};
use portolan_storage::{Actor, NewRevocation};
use serde::Deserialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{
    auth::CallerOnDemand,
    extract::Form,
    problem::{BadRequest, Problem, ProblemBody, TokenRefused, TooSlow},
    state::AppState,
    tokens::{InvalidToken, Verified},
};

/// Which token is revoked.
#[derive(Deserialize, ToSchema)]
pub struct RevokeToken {
    /// The token.
    #[schema(min_length = 1)]
    token: String,
    /// What kind of token it is; it is found without.
    #[serde(rename = "token_type_hint")]
    #[schema(required = false)]
    _hint: Option<String>,
}

/// Revokes a token; a first parent with every token that was made from it. Whoever holds it may. A child of flat-manager's
/// has its parent's id, so that with it the parent would be revoked: for that, the caller must be an
/// issuer. A token that does not count, whatever the reason, needs no revocation.
#[utoipa::path(
    post,
    path = "/revoke",
    operation_id = "create_oauth_revocation",
    tag = "tokens",
    security((), ("api_key" = [])),
    request_body(content = RevokeToken, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It does not count any more."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is no form."),
        BadRequest, TokenRefused, TooSlow,
    )
)]
pub async fn create_oauth_revocation(
    caller: CallerOnDemand,
    State(state): State<AppState>,
    Form(asked): Form<RevokeToken>,
) -> Result<StatusCode, Problem> {
    let token = match state.tokens.verify(&asked.token, &TokenKind::ALL).await {
        Ok(token) => token,
        Err(error @ InvalidToken::Unavailable(_)) => return Err(error.into()),
        Err(_) => return Ok(StatusCode::OK),
    };
    let wanted = revocation(&token)?;
    let by = revoker(caller, &token, &state).await?;
    let revoked = state.store.revoke_tokens(vec![wanted], &by).await?;
    state.tokens.revocations().learn(revoked);
    Ok(StatusCode::OK)
}

fn revocation(token: &Verified) -> Result<NewRevocation, Problem> {
    let jti = token.claims.jti.clone();
    let name = jti.and_then(|jti| RevokedName::try_from(jti).ok());
    let what = name.map(Revoked::Jti).ok_or_else(|| {
        unsupported(
            "The token has no id to be revoked by. An issuer can revoke its subject instead.",
        )
    })?;
    // Of flat-manager's tokens others may have the same id, and end later.
    let end = OffsetDateTime::from_unix_timestamp(token.claims.exp).ok();
    let expires_at = end.filter(|_| token.kind != TokenKind::FlatManager);
    Ok(NewRevocation { what, expires_at })
}

async fn revoker(
    caller: CallerOnDemand,
    token: &Verified,
    state: &AppState,
) -> Result<Actor, Problem> {
    if !may_share_its_id(token) {
        return Ok(caller.holder(token, state));
    }
    let caller = caller.issuer(state).await.map_err(|problem| {
        if ![StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&problem.status()) {
            return problem;
        }
        unsupported(
            "The token has its parent's id: the parent, and all tokens that were made from it, would be \
             revoked, too. That is for an issuer: send the credential of one.",
        )
    })?;
    caller.check_unbound()?;
    Ok(caller.by)
}

/// A child's name has a `/`: its parent's name stands before it.
fn may_share_its_id(token: &Verified) -> bool {
    let name = token.claims.name.as_deref().unwrap_or_default();
    token.kind == TokenKind::FlatManager && name.contains('/')
}

/// RFC 7009, section 2.2.1.
fn unsupported(detail: &str) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "token-not-revocable",
        "The token cannot be revoked so",
        detail,
    )
    .with("error", "unsupported_token_type")
}
