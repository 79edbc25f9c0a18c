//! What a verified ref token proves, and to whom: read offline by whoever passes content on.

use thiserror::Error;

use crate::{
    ids::{CollectionId, RefName},
    token::Claims,
};

/// What somebody wants a token to prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefProof {
    /// The collection.
    pub collection: CollectionId,
    /// Its ref.
    pub name: RefName,
    /// Who brought it, where that is known otherwise.
    pub user: Option<String>,
    /// Where it is to count.
    pub aud: Option<String>,
}

/// Why a token does not prove it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unproven {
    /// It is not for the ref.
    #[error("the token is not for {name} of {collection}")]
    Ref {
        /// The ref that was wanted.
        name: RefName,
        /// Its collection.
        collection: CollectionId,
    },
    /// It was given to somebody else.
    #[error("the token was given to another user")]
    User,
    /// It counts elsewhere.
    #[error("the token is for {0:?}, and counts nowhere else")]
    Audience(String),
}

impl RefProof {
    /// Whether these claims prove it. Signature and validity are the caller's to verify.
    ///
    /// # Errors
    /// [`Unproven`].
    pub fn check(&self, claims: &Claims) -> Result<(), Unproven> {
        let refs = claims.refs.as_deref().unwrap_or_default();
        let is_wanted = refs.iter().any(|entry| {
            entry.collection_id == self.collection.as_str() && entry.name == self.name.as_str()
        });
        if !is_wanted {
            return Err(Unproven::Ref {
                name: self.name.clone(),
                collection: self.collection.clone(),
            });
        }
        if self.user.is_some() && self.user != claims.user {
            return Err(Unproven::User);
        }
        match &claims.aud {
            Some(aud) if self.aud.as_ref() != Some(aud) => Err(Unproven::Audience(aud.clone())),
            _ => Ok(()),
        }
    }
}
