//! Why a request has no caller, and what it is told: 401 with the challenges of RFC 9110, or 429.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};

use super::oauth::OAuthError;
use crate::problem::Problem;

/// Why a request has no caller.
pub enum Refusal {
    /// It shows nothing.
    None,
    /// Something else than a key or a signature, or two of them.
    Scheme,
    /// A key that is unknown, revoked or mistyped.
    Key,
    /// A credential that counted once.
    Expired,
    /// A certificate that nobody here knows.
    Certificate,
    /// An OAuth consumer that nobody here knows.
    Consumer,
    /// A signature that does not count.
    Signature(OAuthError),
    /// Too many wrong ones came from this address.
    TooManyGuesses(Duration),
    /// Something else is wrong.
    Other(Box<Problem>),
}

impl Refusal {
    /// Whether somebody may have guessed.
    pub fn is_a_wrong_credential(&self) -> bool {
        match self {
            Self::Scheme | Self::Key | Self::Expired | Self::Certificate | Self::Consumer => true,
            Self::Signature(error) => !matches!(
                error,
                // These are this side's, or come after a signature that holds.
                OAuthError::NoUrl
                    | OAuthError::OpenSsl(_)
                    | OAuthError::ConsumerFull { .. }
                    | OAuthError::Full { .. }
            ),
            Self::None | Self::TooManyGuesses(_) | Self::Other(_) => false,
        }
    }
}

/// What the client is told.
pub fn unauthorized(refusal: Refusal) -> Problem {
    let detail = match refusal {
        Refusal::None => {
            "Send an API key: Authorization: Bearer ptl_… (or sign with OAuth 1.0a, or use a client \
             certificate)."
        }
        Refusal::Scheme => {
            "The header Authorization must be there once, and be Bearer with an API key, or OAuth."
        }
        Refusal::Key => "The API key is unknown, revoked or mistyped.",
        Refusal::Expired => "The credential has expired. Make a new one.",
        Refusal::Certificate => {
            "The client certificate is not one that was made known here by its fingerprint, nor does \
             a client CA vouch for a subject that was."
        }
        Refusal::Consumer => "The OAuth consumer is unknown or was revoked.",
        Refusal::Signature(error) => return bad_signature(error),
        Refusal::TooManyGuesses(wait) => {
            return too_many("Too many wrong credentials came from this address.", wait);
        }
        Refusal::Other(problem) => return *problem,
    };
    let invalid = !matches!(refusal, Refusal::None);
    challenge(detail, invalid)
}

fn bad_signature(error: OAuthError) -> Problem {
    match error {
        OAuthError::ConsumerFull { retry_after } | OAuthError::Full { retry_after } => {
            too_many(&sentence(&error), retry_after)
        }
        OAuthError::OpenSsl(error) => portolan_storage::StorageError::Seal(error).into(),
        error => challenge(&sentence(&error), true),
    }
}

fn sentence(error: &OAuthError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    // Names of parameters stay as they are.
    let is_name = text
        .split(' ')
        .next()
        .is_some_and(|word| word.contains('_'));
    let first = letters.next();
    let first = first.map(|first| {
        if is_name {
            first
        } else {
            first.to_ascii_uppercase()
        }
    });
    first.into_iter().chain(letters).chain(['.']).collect()
}

fn challenge(detail: &str, invalid: bool) -> Problem {
    let bearer = if invalid {
        r#"Bearer realm="portolan", error="invalid_token""#
    } else {
        r#"Bearer realm="portolan""#
    };
    let title = "There is no valid credential";
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", title, detail)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(bearer))
        .header(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(r#"OAuth realm="portolan""#),
        )
}

/// 429, and when to come again.
pub fn too_many(detail: &str, wait: Duration) -> Problem {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let seconds = seconds.max(1);
    let detail = format!("{detail} Try again in {seconds} s.");
    let status = StatusCode::TOO_MANY_REQUESTS;
    Problem::new(status, "too-many-requests", "That is too often", detail)
        .header(header::RETRY_AFTER, HeaderValue::from(seconds))
}
