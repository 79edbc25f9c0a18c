//! On whose behalf a client asks.

use std::time::Instant;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use portolan_domain::gateway::{Access, Directory, Subject};

use super::host::host;
use crate::{
    auth::{address_of, too_many},
    config::TokenFormat,
    problem::Problem,
    state::AppState,
    tokens::InvalidToken,
};

/// What a client showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Nothing.
    Nothing,
    /// Something that is no token, or one that does not count.
    Invalid,
    /// A certificate that a host CA vouches for.
    Certificate,
    /// A token that counts; an anonymous one, too.
    Token,
}

/// Who asks. A token counts before a certificate: a user who logs in on a host means himself.
#[derive(Debug, Clone)]
pub struct Caller {
    /// On whose behalf.
    pub subject: Subject,
    /// What was shown.
    pub shown: Shown,
    /// What a token that says so itself lets its bearer do.
    access: Option<Vec<Access>>,
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        Self::of(parts, state).await
    }
}

const NOBODY: Caller = Caller {
    subject: Subject::Anybody,
    shown: Shown::Nothing,
    access: None,
};

const INVALID: Caller = Caller {
    shown: Shown::Invalid,
    ..NOBODY
};

impl Caller {
    /// Whoever sent this request.
    ///
    /// # Errors
    /// 400 for a trusted proxy's header that cannot be read; 503 for a token that this node has not seen, where the
    /// database does not answer.
    pub async fn of(parts: &Parts, state: &AppState) -> Result<Self, Problem> {
        let token = by_token(parts, state).await?;
        if let Some(caller) = token.as_ref().filter(|caller| caller.shown == Shown::Token) {
            return Ok(caller.clone());
        }
        let host = host(parts, state)?.map(|uuid| Self {
            subject: Subject::Host(uuid),
            shown: Shown::Certificate,
            access: None,
        });
        Ok(host.or(token).unwrap_or(NOBODY))
    }

    /// Whether it may pull a repository that is not open: what its token says, where that still holds.
    #[must_use]
    pub fn may_pull(&self, directory: &Directory, name: &str) -> bool {
        let granted = self.access.as_ref();
        let granted = granted.is_none_or(|access| access.iter().any(|one| one.lets_pull(name)));
        granted && directory.may_pull(&self.subject, name)
    }

    /// Whether somebody stands behind it.
    #[must_use]
    pub fn is_known(&self) -> bool {
        matches!(self.shown, Shown::Token | Shown::Certificate)
    }
}

/// None where there is no such header.
async fn by_token(parts: &Parts, state: &AppState) -> Result<Option<Caller>, Problem> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    // Two of them: which one another reader would take is not known.
    let Some((_, token)) = token.filter(|_| values.next().is_none()) else {
        return Ok(Some(INVALID));
    };
    let token = token.trim();
    let caller = match state.config.gateway.token_format {
        TokenFormat::Opaque => {
            // Whoever invents tokens must leave the database to the others.
            if let Some(address) =
                address_of(parts, state).filter(|_| !state.gateway.opaque.knows(token))
            {
                let may = state.gate.look_up(address, Instant::now());
                may.map_err(|wait| {
                    too_many("Too many unknown tokens came from this address.", wait)
                })?;
            }
            let subject = state.gateway.opaque.find(token).await?;
            subject.map(|subject| Caller {
                subject,
                shown: Shown::Token,
                access: None,
            })
        }
        TokenFormat::Jwt => match state.gateway.registry.verify(token).await {
            Ok(token) => Some(Caller {
                subject: token.subject(),
                shown: Shown::Token,
                access: Some(token.access),
            }),
            Err(InvalidToken::Unavailable(error)) => return Err(error.into()),
            Err(_) => None,
        },
    };
    Ok(Some(caller.unwrap_or(INVALID)))
}
