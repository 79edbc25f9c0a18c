//! Logins and tokens of the container gateway, as HTTP. An authority that is away is 503 and never 401: a client takes
//! that for a wrong password, and forgets the right one.

use axum::http::{HeaderValue, StatusCode, header};

use super::super::{Problem, internal};
use crate::{
    auth::too_many,
    gateway::{LoginError, RegistryTokenError},
};

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Wrong => {
                let title = "The credentials are wrong";
                let detail =
                    "The user name or the password is wrong, or the refresh token has ended.";
                let status = StatusCode::UNAUTHORIZED;
                Self::new(status, "registry-unauthorized", title, detail)
            }
            LoginError::TooMany(wait) => {
                too_many("Too many wrong passwords came from this address.", wait)
            }
            LoginError::Busy => away("Too many log in at the moment."),
            LoginError::Away => away(
                "Whoever knows the users does not answer at the moment. Tokens that are out go on.",
            ),
        }
    }
}

fn away(detail: &str) -> Problem {
    let title = "Nobody can log in at the moment";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "registry-login-unavailable", title, detail)
        .header(header::RETRY_AFTER, HeaderValue::from_static("10"))
}

impl From<RegistryTokenError> for Problem {
    fn from(error: RegistryTokenError) -> Self {
        internal(&error)
    }
}
