//! Tokens: what they say, what a key may sign, and how a child is cut out of its parent. Pure: encoding
//! and signatures are the caller's.

mod claims;
mod key;
mod kind;
mod narrow;
mod revocation;
mod scope;

pub use claims::{Claims, CollectionRef, FlatManagerClaims, RefTokenClaims};
pub use key::{PublicParts, TokenKeyError, TokenKeyPair, TokenSecret};
pub use kind::{TokenAlgorithm, TokenKind};
pub use narrow::{FailedClaim, Subset, narrow, narrow_flat_manager};
pub use revocation::{
    InvalidName, Revocation, RevocationSet, Revoked, RevokedHolder, RevokedId, RevokedName,
};
pub use scope::Scope;
