//! `POST /api/v1/tokens/get_list`: what flat-manager's clients ask of tokens by their ids.

use axum::extract::State;
use portolan_domain::token::RevokedName;
use portolan_storage::KnownToken;
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset, macros::format_description};
use utoipa::ToSchema;

use crate::{
    auth::TokenManager,
    extract::Json,
    problem::{BadRequest, Problem, ProblemBody, TokenRefused, TooSlow},
    state::AppState,
};

/// Tokens, by their ids.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TokenIds {
    /// The ids.
    pub token_ids: Vec<String>,
}

/// A token as flat-manager shows it. Times are UTC, without a zone.
#[derive(Debug, Serialize, ToSchema)]
pub struct FlatManagerToken {
    /// Its id.
    token_id: String,
    /// When it ends; null where nobody knows.
    expires: Option<String>,
    /// Always null: no request writes when a token was used.
    last_used: Option<String>,
    /// When it was revoked by its id; null where it was not.
    revoked_at: Option<String>,
}

/// Those of these tokens that are known: made by `portolan token create`, or revoked by their ids.
#[utoipa::path(
    post,
    path = "/api/v1/tokens/get_list",
    operation_id = "list_flat_manager_tokens",
    tag = "tokens",
    security(("token" = [])),
    request_body = TokenIds,
    responses(
        (status = 200, body = Vec<FlatManagerToken>, description = "The tokens."),
        (status = 413, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is too large."),
        (status = 415, body = ProblemBody, content_type = "application/problem+json",
         description = "The body is not JSON."),
        BadRequest, TokenRefused, TooSlow,
    )
)]
pub async fn list_flat_manager_tokens(
    _manager: TokenManager,
    State(state): State<AppState>,
    Json(asked): Json<TokenIds>,
) -> Result<Json<Vec<FlatManagerToken>>, Problem> {
    // What no token can be known by is not known.
    let names = asked.token_ids.into_iter();
    let names = names.filter_map(|id| RevokedName::try_from(id).ok());
    let ids: Vec<String> = names.map(String::from).collect();
    let known = state.store.known_tokens_of(&ids).await?;
    Ok(Json(
        known.into_iter().map(FlatManagerToken::from).collect(),
    ))
}

impl From<KnownToken> for FlatManagerToken {
    fn from(token: KnownToken) -> Self {
        Self {
            token_id: token.jti,
            expires: token.expires_at.map(naive),
            last_used: None,
            revoked_at: token.revoked_at.map(naive),
        }
    }
}

/// As flat-manager writes its times: a fraction only where there is one.
fn naive(instant: OffsetDateTime) -> String {
    let whole = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let exact =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]");
    let form = if instant.microsecond() == 0 {
        whole
    } else {
        exact
    };
    // Every part of the format is one that an instant has.
    instant
        .to_offset(UtcOffset::UTC)
        .format(form)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::naive;

    #[test]
    fn times_are_written_as_flat_manager_writes_them() {
        assert_eq!(naive(datetime!(2026-11-22 13:00 +1)), "2026-11-22T12:00:00");
        let exact = naive(datetime!(2026-11-22 12:00:00.123 UTC));
        assert_eq!(exact, "2026-11-22T12:00:00.123000");
    }
}
