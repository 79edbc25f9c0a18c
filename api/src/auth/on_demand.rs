//! Routes where holding a token is enough, most of the time: a credential is looked at only where it is
//! needed, since until then it says nothing.

use std::convert::Infallible;

use axum::{extract::FromRequestParts, http::request::Parts};
use portolan_storage::Actor;

use super::{Caller, Issuer, token};
use crate::{problem::Problem, state::AppState, tokens::Verified};

/// Whoever calls.
pub struct CallerOnDemand(Parts);

impl FromRequestParts<AppState> for CallerOnDemand {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Infallible> {
        Ok(Self(parts.clone()))
    }
}

impl CallerOnDemand {
    /// The caller, who must be an issuer.
    ///
    /// # Errors
    /// 401 or 403, as everywhere.
    pub async fn issuer(mut self, state: &AppState) -> Result<Caller, Problem> {
        let Issuer(caller) = Issuer::from_request_parts(&mut self.0, state).await?;
        Ok(caller)
    }

    /// The caller, who has shown this token.
    #[must_use]
    pub fn holder(&self, token: &Verified, state: &AppState) -> Actor {
        token::holder(token, &self.0, state)
    }
}
