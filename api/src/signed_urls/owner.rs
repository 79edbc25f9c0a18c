//! What signs URLs for one owner, as `cdn_info?path=` asks for them.

use portolan_domain::signed_url::{ContentPath, PathPrefix, SigningError, Terms, UrlSigner};
use portolan_storage::EntitlementAnswer;

/// Signs what an owner's CDN allows it; kept in memory beside the owner's answers.
#[derive(Debug)]
pub struct OwnerSigner {
    signer: UrlSigner,
    allow: Vec<PathPrefix>,
}

impl OwnerSigner {
    /// What signs for the owner of an answer, where something does.
    #[must_use]
    pub fn of(found: &EntitlementAnswer) -> Option<Self> {
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
