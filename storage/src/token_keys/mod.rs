//! The keys that sign tokens, sealed by the instance's data key. Of each kind of token one key signs;
//! those before it verify until they are retired, and then their secrets are gone.

mod change;
mod read;

use portolan_domain::token::{TokenAlgorithm, TokenKind, TokenSecret};
use time::OffsetDateTime;

pub use change::KeyTurn;

use crate::signing_keys::ACTIVE;

/// The state of a key that verifies and no longer signs.
const RETIRING: &str = "retiring";
/// The state of a key that does neither.
const RETIRED: &str = "retired";

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It signs, and verifies.
    Active,
    /// It verifies.
    Retiring,
    /// It does neither any more.
    Retired,
}

/// A key that verifies tokens.
#[derive(Debug, Clone)]
pub struct TokenKey {
    /// Its id.
    pub kid: String,
    /// What it signs.
    pub kind: TokenKind,
    /// How.
    pub algorithm: TokenAlgorithm,
    /// Its public part, PEM; none of a shared secret.
    pub public_pem: Option<String>,
    /// Its secret part, where it signs or verifies by that.
    pub secret: Option<TokenSecret>,
    /// Whether it signs.
    pub is_active: bool,
}

/// The keys that verify tokens, the newest first.
#[derive(Debug, Clone)]
pub struct TokenKeys {
    /// How often keys had changed before these were read.
    pub generation: i64,
    /// The keys.
    pub keys: Vec<TokenKey>,
}

/// What people may know of a key, of one that signs manifests, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyListing {
    /// Its id.
    pub kid: String,
    /// What it signs.
    pub purpose: String,
    /// Its algorithm's name.
    pub algorithm: String,
    /// What it does.
    pub state: KeyState,
    /// When it was made or brought along.
    pub created_at: OffsetDateTime,
}

impl KeyState {
    /// The state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => ACTIVE,
            Self::Retiring => RETIRING,
            Self::Retired => RETIRED,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Active, Self::Retiring, Self::Retired];
        all.into_iter().find(|state| state.as_str() == name)
    }
}
