//! A narrower token out of another one: from memory alone.

use std::time::Duration;

use portolan_domain::token::{FailedClaim, Subset, TokenKind, narrow, narrow_flat_manager};
use thiserror::Error;
use uuid::Uuid;

use super::{SigningError, Tokens, Verified};

/// For how long tokens are issued after the last time that revocations were known: a child of a revoked
/// parent would live on.
const REVOCATIONS_KNOWN: Duration = Duration::from_mins(1);

/// A child that is not made.
#[derive(Debug, Error)]
pub enum SubsetError {
    /// The parent is not enough for it.
    #[error("{}", reasons(.0))]
    Insufficient(Vec<FailedClaim>),
    /// Whether the parent was revoked has not been known for a minute.
    #[error("which tokens were revoked is not known at the moment")]
    RevocationsUnknown,
    /// It could not be signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

fn reasons(failed: &[FailedClaim]) -> String {
    let reasons: Vec<String> = failed
        .iter()
        .map(|failed| format!("{}: {}", failed.claim, failed.reason))
        .collect();
    reasons.join("; ")
}

impl Tokens {
    /// A child of a verified parent. One of flat-manager's stays one that flat-manager reads, with the
    /// parent's id, by which it is revoked there; any other gets an id of its own, and names the first
    /// parent's.
    ///
    /// # Errors
    /// [`SubsetError`].
    pub async fn subset(&self, parent: &Verified, asked: &Subset) -> Result<String, SubsetError> {
        self.check_revocations_known()?;
        let now = self.now();
        if parent.kind == TokenKind::FlatManager {
            let child = narrow_flat_manager(&parent.claims, asked, now);
            let child = child.map_err(SubsetError::Insufficient)?;
            return Ok(self.sign(TokenKind::FlatManager, &child).await?);
        }
        let child = narrow(&parent.claims, asked, now).map_err(SubsetError::Insufficient)?;
        let child = child
            .with_own_id(new_jti())
            .issued(Some(self.issuer().to_owned()), now);
        Ok(self.sign(TokenKind::Access, &child).await?)
    }

    /// Refuses to issue anything while nobody here knows what was revoked.
    ///
    /// # Errors
    /// [`SubsetError::RevocationsUnknown`].
    pub fn check_revocations_known(&self) -> Result<(), SubsetError> {
        if self.0.revocations.known_within(REVOCATIONS_KNOWN) {
            Ok(())
        } else {
            Err(SubsetError::RevocationsUnknown)
        }
    }
}

/// An id for a token (RFC 9562, version 7): nobody guesses it, and later ones are greater.
#[must_use]
pub fn new_jti() -> String {
    #[expect(clippy::disallowed_methods, reason = "a token's id is no row's")]
    Uuid::now_v7().to_string()
}
