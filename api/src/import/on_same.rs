//! The very bytes that were imported last, again: automation repeats itself, and may say so.

use clap::ValueEnum;
use portolan_domain::{digest::Sha256Digest, ids::OwnerKey};
use portolan_storage::{ImportRecord, StorageError, Store};
use serde::Deserialize;
use utoipa::ToSchema;

/// What to do with the very bytes that were imported last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OnSame {
    /// A conflict, as with any manifest of that second.
    #[default]
    Conflict,
    /// Nothing: the record of that import is the answer.
    Skip,
}

impl OnSame {
    /// The import that an upload of these bytes only repeats; nothing where it has to be imported.
    /// Asked while the owner's turn is held: else of two such uploads at once, the second would still be
    /// a conflict.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner.
    pub async fn skipped(
        self,
        store: &Store,
        owner: &OwnerKey,
        sha256: Sha256Digest,
    ) -> Result<Option<ImportRecord>, StorageError> {
        if self == Self::Conflict {
            return Ok(None);
        }
        let last = store.current_import(owner).await?;
        Ok(last.filter(|record| {
            let before = record.upload.as_ref();
            before.is_some_and(|before| before.sha256 == sha256)
        }))
    }
}
