//! Errors of tokens become HTTP here, every variant.

use axum::http::{
    HeaderValue, StatusCode,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};
use portolan_domain::token::FailedClaim;

use super::{Problem, internal, sentence};
use crate::{
    problem::failed_claim::failed,
    tokens::{InvalidToken, SigningError, SubsetError},
};

impl From<InvalidToken> for Problem {
    fn from(error: InvalidToken) -> Self {
        match error {
            InvalidToken::Unavailable(error) => error.into(),
            InvalidToken::TooLarge
            | InvalidToken::Malformed
            | InvalidToken::Header(_)
            | InvalidToken::UnknownKey
            | InvalidToken::Algorithm
            | InvalidToken::Type
            | InvalidToken::Purpose
            | InvalidToken::Signature
            | InvalidToken::Claims
            | InvalidToken::Expired
            | InvalidToken::NotYet
            | InvalidToken::Revoked => {
                invalid_token(&format!("The token does not count: {error}."))
            }
        }
    }
}

/// 401 of a route that carries its own token (RFC 6750, section 3.1).
pub fn invalid_token(detail: &str) -> Problem {
    let challenge = HeaderValue::from_static("Bearer realm=\"portolan\", error=\"invalid_token\"");
    let (title, status) = ("The token does not count", StatusCode::UNAUTHORIZED);
    Problem::new(status, "invalid-token", title, detail).header(WWW_AUTHENTICATE, challenge)
}

/// 403 of a route that carries its own token: each claim that is not enough, and why.
#[must_use]
pub fn token_insufficient(claims: &[FailedClaim]) -> Problem {
    let reasons = claims
        .iter()
        .map(|one| format!("{}: {}", one.claim, one.reason));
    let detail = reasons.collect::<Vec<_>>().join("; ");
    let (title, status) = ("The token is not enough", StatusCode::FORBIDDEN);
    Problem::new(status, "token-insufficient", title, sentence(&detail))
        .with("failed", failed(claims))
}

impl From<SigningError> for Problem {
    fn from(error: SigningError) -> Self {
        match error {
            SigningError::NoSecret => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "signing-key-missing",
                "There is no key to sign with",
                sentence(&error.to_string()),
            ),
            SigningError::TooLarge => Self::bad_request(sentence(&format!(
                "{error}; ask for fewer apps, refs or names"
            ))),
            SigningError::Store(error) => error.into(),
            SigningError::Lost
            | SigningError::Signature(_)
            | SigningError::Key(_)
            | SigningError::Json(_) => internal(&error),
        }
    }
}

impl From<SubsetError> for Problem {
    fn from(error: SubsetError) -> Self {
        match error {
            SubsetError::Insufficient(claims) => token_insufficient(&claims),
            SubsetError::RevocationsUnknown => {
                let detail = "The database has not answered for a minute, so that which tokens were \
                              revoked is not known. No token is made meanwhile. Try again soon.";
                let title = "The service is not available";
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unavailable",
                    title,
                    detail,
                )
                .header(RETRY_AFTER, HeaderValue::from_static("5"))
            }
            SubsetError::Signing(error) => error.into(),
        }
    }
}
