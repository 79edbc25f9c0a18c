//! An upload that was kept comes back: as a file of ours, and only if it is to the byte what came in.

use std::time::Instant;

use axum::http::StatusCode;
use portolan_domain::{conflict::Conflict, ids::OwnerKey};
use portolan_storage::{Actor, ImportRecord, KeptUpload, StorageError};
use uuid::Uuid;

use super::{
    options::{ImportError, ImportOptions, KeptAs},
    run::{Importer, millis},
    upload::ReceivedUpload,
};
use crate::problem::Problem;

/// What a restore forces: that the owner has something newer is why it is asked for.
const FORCED: [Conflict; 3] = [
    Conflict::ManifestOld,
    Conflict::ManifestSame,
    Conflict::DistributorConflict,
];

impl Importer {
    /// Writes a kept upload into a file of ours.
    ///
    /// # Errors
    /// Where it cannot be read back, or the disk refuses.
    pub async fn reopen(&self, kept: &KeptUpload) -> Result<ReceivedUpload, ImportError> {
        let started = Instant::now();
        let mut writer = self.spool().begin().map_err(ImportError::Disk)?;
        for number in 0.. {
            let Some(piece) = self.store.upload_piece(kept, number).await? else {
                break;
            };
            writer.write(&piece).map_err(ImportError::Disk)?;
        }
        let upload = writer.finish(kept.file_name.clone(), millis(started));
        let upload = upload.map_err(ImportError::Disk)?;
        if (upload.sha256, upload.size) != (kept.sha256, kept.size) {
            return Err(StorageError::Corrupt {
                table: "uploads",
                column: "sha256",
                row: kept.sha256.to_string(),
            }
            .into());
        }
        Ok(upload)
    }

    /// Puts an earlier import back. It is verified again, by the upstream CAs of today.
    ///
    /// # Errors
    /// 404 where there is no such import, 409 where its upload is not kept; and what stands against
    /// any import.
    pub async fn restore(
        &self,
        owner: &OwnerKey,
        import: Uuid,
        by: Actor,
    ) -> Result<ImportRecord, Problem> {
        let before = self.store.import(owner, import).await?;
        let before = before.ok_or_else(|| unknown(import))?;
        let kept = match before.upload_id {
            Some(upload) => self
                .store
                .kept_upload(owner, upload)
                .await?
                .zip(Some(upload)),
            None => None,
        };
        let (kept, upload) = kept.ok_or_else(|| not_kept(import))?;
        let cdn_url = before.cdn_url.as_deref().map(|url| self.cdn_url(url));
        let options = ImportOptions {
            forced: FORCED.into_iter().collect(),
            cdn_url: cdn_url.transpose()?,
            dry_run: false,
            by,
            kept: Some(KeptAs {
                upload,
                restores: Some(import),
                job: None,
            }),
            progress: std::sync::Arc::default(),
        };
        let upload = self.reopen(&kept).await?;
        self.import(owner, upload, options).await
    }
}

fn unknown(import: Uuid) -> Problem {
    let title = "There is no such import";
    let detail = format!("The owner has no import {import}.");
    Problem::new(StatusCode::NOT_FOUND, "import-not-found", title, detail)
}

fn not_kept(import: Uuid) -> Problem {
    let title = "The import cannot be restored";
    let detail = format!(
        "The upload of the import {import} is not kept: only the last ones that were stored are \
         (import.keep_uploads). Upload the manifest again."
    );
    Problem::new(StatusCode::CONFLICT, "import-not-restorable", title, detail)
}
