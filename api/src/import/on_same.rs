//! The very bytes that were imported last, again: automation repeats itself, and may say so.

use clap::ValueEnum;
use portolan_domain::ids::OwnerKey;
use portolan_storage::{StorageError, Store};
use serde::Deserialize;
use utoipa::ToSchema;

use super::upload::ReceivedUpload;
use crate::view::ImportRecord;

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
    /// The answer to an upload that is skipped, as a dry run or not; nothing where it has to be
    /// imported. Asked while the owner's turn is held: else of two such uploads at once, the second
    /// would still be a conflict.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner.
    pub async fn skipped(
        self,
        store: &Store,
        owner: &OwnerKey,
        upload: &ReceivedUpload,
        dry_run: bool,
    ) -> Result<Option<ImportRecord>, StorageError> {
        if self == Self::Conflict {
            return Ok(None);
        }
        let last = store.current_import(owner).await?;
        let same = last.filter(|record| {
            let before = record.upload.as_ref();
            before.is_some_and(|before| before.sha256 == upload.sha256)
        });
        Ok(same.map(|record| ImportRecord {
            unchanged: true,
            dry_run,
            ..ImportRecord::from(record)
        }))
    }
}
