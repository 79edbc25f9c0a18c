//! The end of an import: its upload is kept, older ones are forgotten, and its job ends in the very
//! transaction that stores it.

use uuid::Uuid;

use super::{
    record::{ImportRecord, Keep},
    transaction::ImportTransaction,
};
use crate::{
    error::Result,
    ids::new_id,
    jobs::{self, End},
    uploads::{self, NewUpload},
};

impl ImportTransaction {
    /// Keeps the upload for a restore; says as which.
    pub(super) async fn keep_upload(&self) -> Result<Option<Uuid>> {
        match &self.draft.keep {
            _ if self.draft.dry_run => Ok(None),
            Keep::Nothing | Keep::File(_, 0) | Keep::Already(_, 0) => Ok(None),
            Keep::Already(upload, _) => {
                // Read before the owner was locked, it may have been forgotten by now.
                let kept = uploads::is_kept(&*self.transaction, self.owner.id, *upload).await?;
                Ok(kept.then_some(*upload))
            }
            Keep::File(file, _) => {
                let new = NewUpload {
                    id: new_id(),
                    owner: self.owner.id,
                    upload: &self.draft.upload,
                    file,
                    at: self.draft.by.at,
                };
                uploads::keep(&*self.transaction, &self.sealing, &new).await?;
                Ok(Some(new.id))
            }
        }
    }

    /// The outcome in words.
    pub(super) fn message(&self) -> String {
        let name = self.draft.upload.file_name.as_deref();
        let name = name.unwrap_or("the manifest");
        match self.draft.restores {
            None if self.draft.dry_run => format!("{}: {name} would be imported", self.owner.key),
            None => format!("{}: {name} was imported", self.owner.key),
            Some(before) => format!(
                "{}: {name} was restored from the import {before}",
                self.owner.key
            ),
        }
    }

    /// Commits, or throws away what a dry run has done.
    pub(super) async fn settle(self, record: &ImportRecord) -> Result<()> {
        if self.draft.dry_run {
            return self.transaction.rollback().await;
        }
        if let Some(claim) = self.draft.job {
            let (id, unchanged) = (record.id, false);
            let how = End::Import { id, unchanged };
            jobs::end(&*self.transaction, claim, how, self.draft.by.at).await?;
        }
        if let Keep::File(_, keep) | Keep::Already(_, keep) = self.draft.keep {
            uploads::forget_old(&*self.transaction, self.owner.id, keep).await?;
        }
        let action = match self.draft.restores {
            None => "import.create",
            Some(_) => "import.restore",
        };
        let event = self.draft.by.did(action);
        let event = event.of_owner(&self.owner_key).on(record.id.to_string());
        self.transaction.commit(event).await
    }
}
