//! Why a token is refused, or cannot be made. None of these holds any part of a token.

use portolan_domain::token::TokenKeyError;
use portolan_storage::StorageError;
use thiserror::Error;

/// A token that does not count.
#[derive(Debug, Error)]
pub enum InvalidToken {
    /// It is larger than any that is made here.
    #[error("it has more than {} bytes", super::LONGEST)]
    TooLarge,
    /// It is no JWT in compact form.
    #[error("it is malformed: it must be three parts in base64url, the first two of them JSON")]
    Malformed,
    /// Its header has a parameter that would name a key of the sender's, or that must be understood and
    /// is not.
    #[error("its header has {0}, which is never followed here")]
    Header(&'static str),
    /// Its key is not known. No other one is tried.
    #[error("no key here has signed it, or its key was retired")]
    UnknownKey,
    /// It is signed otherwise than its key signs.
    #[error("its alg is not its key's")]
    Algorithm,
    /// Its header says that it is for something else than its key is.
    #[error("its typ is not that of its key's purpose")]
    Type,
    /// It is for something else.
    #[error("it is a token for another purpose")]
    Purpose,
    /// Its signature is wrong.
    #[error("its signature is wrong")]
    Signature,
    /// Its claims cannot be read, or lack one.
    #[error("its claims lack sub or exp, or one of them has the wrong type")]
    Claims,
    /// It has ended.
    #[error("it is expired")]
    Expired,
    /// It does not count yet.
    #[error("it does not count yet")]
    NotYet,
    /// It was revoked.
    #[error("it was revoked")]
    Revoked,
    /// The key is not known here, and the database could not be asked for it.
    #[error("the database does not answer")]
    Unavailable(#[from] StorageError),
}

/// A token that cannot be made.
#[derive(Debug, Error)]
pub enum SigningError {
    /// There is no secret that is shared with flat-manager.
    #[error("there is no active flat-manager key: add one with portolan signing-key add")]
    NoSecret,
    /// It would be larger than what is accepted here.
    #[error("the token would have more than {} bytes", super::LONGEST)]
    TooLarge,
    /// A key was made, and was gone before it could be used.
    #[error("the key was retired while it was made")]
    Lost,
    /// The library that signs failed.
    #[error("the token could not be signed")]
    Signature(#[from] jsonwebtoken::errors::Error),
    /// No key could be made.
    #[error("no key could be made")]
    Key(#[from] TokenKeyError),
    /// The claims could not be written.
    #[error("the claims could not be written")]
    Json(#[from] serde_json::Error),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] StorageError),
}
