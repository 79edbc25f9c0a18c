//! One request for ref tokens, from what is wanted to what is signed.

use std::collections::BTreeSet;

use portolan_domain::{
    grants::{Portion, RefTokenTerms, Wanted, portions},
    ids::{OwnerKey, RefName, UserName},
    token::TokenKind,
};
use thiserror::Error;
use time::OffsetDateTime;

use super::authority::{AuthorityError, Denial};
use crate::{
    state::AppState,
    tokens::{SigningError, SubsetError, new_jti},
};

/// Who wants which refs, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who.
    pub user: UserName,
    /// Which refs.
    pub refs: BTreeSet<Wanted>,
    /// For how many seconds: 1 to a day.
    pub duration: i64,
    /// Where the tokens are to count; everywhere where it is none.
    pub aud: Option<String>,
}

/// What was given, and what not.
pub struct Issued {
    /// Each token with the refs that it is for.
    pub tokens: Vec<(String, Vec<RefName>)>,
    /// What is in none of them, and why.
    pub denied: Vec<(Wanted, Denial)>,
    /// When the first of them ends; none where there is none.
    pub expires: Option<OffsetDateTime>,
}

/// Why nothing is given.
#[derive(Debug, Error)]
pub enum IssueError {
    /// There is no verdict.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Whether what was given before counts is not known: nothing that could not be revoked is given.
    #[error(transparent)]
    Revocations(#[from] SubsetError),
    /// A token could not be signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// Gives tokens for the refs that the user may have; of an issuer that is bound to owners, for theirs.
///
/// # Errors
/// [`IssueError`].
pub async fn issue(
    state: &AppState,
    request: Request,
    only: Option<&[OwnerKey]>,
) -> Result<Issued, IssueError> {
    state.tokens.check_revocations_known()?;
    let now = state.clock.now();
    let terms = RefTokenTerms {
        iss: state.tokens.issuer().to_owned(),
        user: request.user,
        aud: request.aud,
        now: now.unix_timestamp(),
        exp: now.unix_timestamp().saturating_add(request.duration),
    };
    let authority = &state.authority;
    let verdicts = authority.judge(&terms.user, &request.refs, only, now);
    let (mut allowed, mut denied) = (Vec::new(), Vec::new());
    for (wanted, verdict) in verdicts.await? {
        let end = verdict.map(|permission| terms.end(permission));
        match end {
            Ok(Some(end)) => allowed.push((wanted, end)),
            Ok(None) => denied.push((wanted, Denial::ended())),
            Err(denial) => denied.push((wanted, denial)),
        }
    }
    let portions = portions(&terms, allowed);
    let expires = portions.iter().map(|portion| portion.exp).min();
    let expires = expires.and_then(|exp| OffsetDateTime::from_unix_timestamp(exp).ok());
    let mut tokens = Vec::with_capacity(portions.len());
    for portion in portions {
        tokens.push(sign(state, &terms, portion).await?);
    }
    let (given, refused) = (tokens.len(), denied.len());
    tracing::info!(user = %terms.user, given, refused, "ref tokens were asked for");
    Ok(Issued {
        tokens,
        denied,
        expires,
    })
}

async fn sign(
    state: &AppState,
    terms: &RefTokenTerms,
    portion: Portion,
) -> Result<(String, Vec<RefName>), SigningError> {
    let claims = terms.claims(&portion, new_jti());
    let token = state.tokens.sign(TokenKind::RefToken, &claims).await?;
    Ok((token, portion.refs))
}
