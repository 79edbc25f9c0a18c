//! What can be revoked.

mod set;

use thiserror::Error;
use time::OffsetDateTime;

pub use set::{RevocationSet, RevokedHolder, RevokedId};

/// Bytes of a name at most: every database keeps an index of such texts.
const LONGEST: usize = 1024;

/// A token's id, subject or user, as a revocation may name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevokedName(String);

/// A text that no revocation can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must have at most {LONGEST} bytes, and no control characters")]
pub struct InvalidName;

/// What a revocation is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revoked {
    /// The token of this id, and every token whose first parent it is.
    Jti(RevokedName),
    /// Tokens with exactly this subject that were issued until now.
    Sub(RevokedName),
    /// Tokens of exactly this user that were issued until now.
    User(RevokedName),
    /// All tokens that were issued before an instant.
    IssuedBefore(OffsetDateTime),
}

/// Something that was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// What.
    pub what: Revoked,
    /// When. Of a subject and a user: what was issued until then is hit.
    pub at: OffsetDateTime,
    /// From when on it matters no more, because all tokens that it hits have ended; none where nobody
    /// knows.
    pub expires_at: Option<OffsetDateTime>,
}

impl RevokedName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RevokedName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        if text.len() > LONGEST || text.contains(char::is_control) {
            return Err(InvalidName);
        }
        Ok(Self(text))
    }
}

impl From<RevokedName> for String {
    fn from(name: RevokedName) -> Self {
        name.0
    }
}
