//! What signs URLs for one owner, as `cdn_info?path=` asks for them.

use std::sync::Arc;

use moka::sync::Cache;
use portolan_domain::ids::OwnerKey;
use portolan_domain::signed_url::{ContentPath, PathPrefix, SigningError, Terms, UrlSigner};
use portolan_storage::OwnerAnswer;

/// Owners at most whose signers are kept.
const MOST: u64 = 1_000;

/// Signers of owners, each made once for all answers of its owner's: its key is read then.
pub struct Signers(Cache<OwnerKey, Made>);

/// A signer, and what it was made from.
type Made = (Arc<OwnerAnswer>, Option<Arc<OwnerSigner>>);

impl Default for Signers {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl Signers {
    /// What signs for an owner, where something does.
    #[must_use]
    pub fn of(&self, owner: &Arc<OwnerAnswer>) -> Option<Arc<OwnerSigner>> {
        owner.signer.as_ref()?;
        if let Some((from, made)) = self.0.get(&owner.key)
            && Arc::ptr_eq(&from, owner)
        {
            return made;
        }
        let made = OwnerSigner::of(owner).map(Arc::new);
        self.0
            .insert(owner.key.clone(), (owner.clone(), made.clone()));
        made
    }
}

/// Signs what an owner's CDN allows it.
#[derive(Debug)]
pub struct OwnerSigner {
    signer: UrlSigner,
    allow: Vec<PathPrefix>,
}

impl OwnerSigner {
    /// What signs for an owner, where something does.
    #[must_use]
    pub fn of(found: &OwnerAnswer) -> Option<Self> {
        let stored = found.signer.as_ref()?;
        let signer = UrlSigner::new(&found.cdn.url, &stored.profile);
        // It was checked before it was kept. Whoever asks where content is must have that all the same.
        let signer = signer.inspect_err(|error| {
            tracing::error!(%error, url = found.cdn.url, "a stored signing profile cannot be used");
        });
        Some(Self {
            signer: signer.ok()?,
            allow: stored.allow.iter().map(|a| a.prefix.clone()).collect(),
        })
    }

    /// The signed URL of one file; nothing where the owner may not have it.
    ///
    /// # Errors
    /// [`SigningError`].
    pub fn sign(&self, path: &ContentPath, terms: &Terms) -> Result<Option<String>, SigningError> {
        if !self.allow.iter().any(|prefix| prefix.covers(path)) {
            return Ok(None);
        }
        self.signer.sign(path, terms).map(Some)
    }
}
