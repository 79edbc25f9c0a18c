//! Who manages tokens as flat-manager has it: the holder of a token of its own for that.

use axum::{extract::FromRequestParts, http::request::Parts};
use portolan_domain::token::{Claims, FailedClaim, Scope};
use portolan_storage::Actor;

use super::{ParentToken, token};
use crate::{
    problem::{Problem, token_insufficient},
    state::AppState,
};

/// The holder of a token with the scope `tokenmanagement` and the subject `""`.
pub struct TokenManager(pub Actor);

impl FromRequestParts<AppState> for TokenManager {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let ParentToken(token) = ParentToken::from_request_parts(parts, state).await?;
        let failed = failures(&token.claims);
        if failed.is_empty() {
            Ok(Self(token::holder(&token, parts, state)))
        } else {
            Err(token_insufficient(&failed))
        }
    }
}

fn failures(claims: &Claims) -> Vec<FailedClaim> {
    let failed = |claim, reason: &str| FailedClaim {
        claim,
        reason: reason.to_owned(),
    };
    let mut failures = Vec::new();
    if !claims.sub.is_empty() {
        failures.push(failed("sub", "it must be empty to manage tokens"));
    }
    if !claims.scope.contains(&Scope::TokenManagement) {
        failures.push(failed("scope", "it must have tokenmanagement"));
    }
    failures
}
