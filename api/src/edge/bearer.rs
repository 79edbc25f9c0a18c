//! The token that a client brings to an edge.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use portolan_domain::token::TokenKind;

use super::refusal::refused;
use crate::{
    problem::Problem,
    state::AppState,
    tokens::{InvalidToken, Verified},
};

/// Tokens that may be for content.
const KINDS: [TokenKind; 3] = [
    TokenKind::RefToken,
    TokenKind::Access,
    TokenKind::FlatManager,
];

/// The token of a request, verified.
///
/// # Errors
/// 401 where there is none, or one that does not count; 503 where its key cannot be looked up.
pub async fn verified(headers: &HeaderMap, state: &AppState) -> Result<Verified, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        let detail = "This commit needs a token: Authorization: Bearer <token>.";
        return Err(challenge(
            "token-required",
            "A token is needed",
            detail,
            false,
        ));
    };
    // Two of them: which one another reader would take is not known.
    let value = value.to_str().ok().filter(|_| values.next().is_none());
    let token = value
        .and_then(|value| bearer(value, state))
        .ok_or_else(|| {
            let detail = "The header Authorization must be there once, and be Bearer with a token.";
            invalid(detail)
        })?;
    let verified = state.tokens.verify(token, &KINDS).await;
    verified.map_err(|error| match error {
        InvalidToken::Unavailable(error) => error.into(),
        error => invalid(&format!("The token does not count: {error}.")),
    })
}

/// The token of a request, where memory alone can tell that it counts.
pub fn remembered(headers: &HeaderMap, state: &AppState) -> Option<Verified> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let token = bearer(value, state).filter(|_| values.next().is_none())?;
    state.tokens.remembered(token, &KINDS)
}

fn bearer<'a>(value: &'a str, state: &AppState) -> Option<&'a str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    let prefix = state.config.tokens.strip_prefix.as_deref();
    let token = prefix
        .and_then(|prefix| token.strip_prefix(prefix))
        .unwrap_or(token);
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn invalid(detail: &str) -> Problem {
    challenge("invalid-token", "The token does not count", detail, true)
}

/// RFC 6750, 3: without a token, no word about what was wrong with it.
fn challenge(slug: &'static str, title: &'static str, detail: &str, is_wrong: bool) -> Problem {
    let challenge = if is_wrong {
        r#"Bearer realm="portolan", error="invalid_token""#
    } else {
        r#"Bearer realm="portolan""#
    };
    refused(StatusCode::UNAUTHORIZED, slug, title, detail).header(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static(challenge),
    )
}
