//! `POST /tokens/revoke`: a token by its id, all of a subject or a user, or all older ones.

use axum::{extract::State, http::StatusCode};
use portolan_domain::token::{Revoked, RevokedName};
use portolan_storage::NewRevocation;
use serde::Deserialize;
use time::Duration;
use utoipa::ToSchema;

use crate::{
    auth::Issuer,
    extract::{Instant, Json},
    problem::{BadRequest, Problem, ProblemBody, Refused, TooSlow},
    state::AppState,
};

/// How far an instant may be ahead: clocks differ. Beyond that, tokens would be revoked before they are
/// made, and nothing could undo it.
const AHEAD: Duration = Duration::minutes(5);

/// What is revoked: exactly one of these.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevokeTokens {
    /// The token of this id, and every token whose first parent it is.
    jti: Option<String>,
    /// Tokens with exactly this subject that were issued until now.
    sub: Option<String>,
    /// Tokens of this user that were issued until now.
    user: Option<String>,
    /// All tokens that were issued before this instant (RFC 3339), which is not in the future.
    #[schema(value_type = Option<String>, format = DateTime)]
    issued_before: Option<Instant>,
}

/// Revokes tokens, within a second on every node. A token that does not say when it was issued counts as
/// issued before.
#[utoipa::path(
    post,
    path = "/tokens/revoke",
    operation_id = "create_revocation",
    tag = "tokens",
    request_body = RevokeTokens,
    responses(
        (status = 204, description = "They are revoked."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, Refused, TooSlow,
    )
)]
pub async fn create_revocation(
    Issuer(caller): Issuer,
    State(state): State<AppState>,
    Json(asked): Json<RevokeTokens>,
) -> Result<StatusCode, Problem> {
    caller.check_unbound()?;
    let what = asked.what()?;
    if let Revoked::IssuedBefore(instant) = what
        && instant > state.clock.now() + AHEAD
    {
        let detail = "issuedBefore is in the future: tokens would be revoked before they are made. \
                      Send the present instant, or an earlier one.";
        return Err(Problem::bad_request(detail));
    }
    let wanted = vec![NewRevocation::of(what)];
    let revoked = state.store.revoke_tokens(wanted, &caller.by).await?;
    state.tokens.revocations().learn(revoked);
    Ok(StatusCode::NO_CONTENT)
}

impl RevokeTokens {
    fn what(self) -> Result<Revoked, Problem> {
        match (self.jti, self.sub, self.user, self.issued_before) {
            (Some(jti), None, None, None) => named("jti", jti).map(Revoked::Jti),
            // The tokens that manage tokens have an empty one.
            (None, Some(sub), None, None) => name("sub", sub).map(Revoked::Sub),
            (None, None, Some(user), None) => named("user", user).map(Revoked::User),
            (None, None, None, Some(instant)) => Ok(Revoked::IssuedBefore(instant.get())),
            _ => {
                let detail = "Say what is revoked: exactly one of jti, sub, user and issuedBefore.";
                Err(Problem::bad_request(detail))
            }
        }
    }
}

fn named(field: &str, text: String) -> Result<RevokedName, Problem> {
    if text.is_empty() {
        return Err(Problem::bad_request(format!("{field} is empty.")));
    }
    name(field, text)
}

/// A name as a revocation may have it.
///
/// # Errors
/// 400.
pub fn name(field: &str, text: String) -> Result<RevokedName, Problem> {
    let name = RevokedName::try_from(text);
    name.map_err(|error| Problem::bad_request(format!("{field} {error}.")))
}
