//! Refusals to sign a URL, as HTTP.

use axum::http::StatusCode;
use portolan_domain::signed_url::{InvalidProfile, InvalidTerms, SigningError};

use super::{Problem, internal, mapping::sentence};
use crate::{auth::forbidden, signed_urls::SignError};

impl From<InvalidProfile> for Problem {
    fn from(why: InvalidProfile) -> Self {
        let detail = sentence(&format!("signing: {why}"));
        let title = "Nothing can be signed so";
        Self::new(
            StatusCode::BAD_REQUEST,
            "cdn-signing-invalid",
            title,
            detail,
        )
    }
}

impl From<InvalidTerms> for Problem {
    fn from(why: InvalidTerms) -> Self {
        Self::bad_request(sentence(&why.to_string()))
    }
}

impl From<SigningError> for Problem {
    fn from(error: SigningError) -> Self {
        let (slug, title) = match error {
            SigningError::Path { .. } => ("path-invalid", "The path cannot be signed"),
            SigningError::Prefix(_)
            | SigningError::Ip(_)
            | SigningError::IpVersion(_)
            | SigningError::NotBefore(_) => {
                ("signing-unsupported", "The kind of CDN cannot sign this")
            }
            SigningError::OpenSsl(_) => return internal(&error),
        };
        let detail = format!("{error}. Nothing was signed.");
        Self::new(StatusCode::BAD_REQUEST, slug, title, detail)
    }
}

impl From<SignError> for Problem {
    fn from(error: SignError) -> Self {
        match error {
            SignError::WithoutProfile(ref cdn) => {
                let detail = format!(
                    "The CDN {cdn} has no signing profile. An administrator sets one with PUT /cdn/{{label}}."
                );
                let title = "The CDN signs no URLs";
                Self::new(StatusCode::CONFLICT, "cdn-without-signing", title, detail)
            }
            SignError::NotAllowed(_) => forbidden(format!(
                "{error}. An administrator allows it in signing.allow of the CDN; nothing was signed."
            )),
            SignError::Signing(error) => error.into(),
            SignError::Store(error) => error.into(),
            SignError::Profile(_) => internal(&error),
        }
    }
}
