//! What an import is asked for, and why one was not done.

use std::sync::{Arc, atomic::AtomicU64};

use portolan_domain::{
    archive::OpenError, cdn_url::CdnUrl, conflict::Forced, manifest::ParseError, trust::VerifyError,
};
use portolan_storage::{Actor, JobClaim, StorageError};
use thiserror::Error;
use uuid::Uuid;

/// Why a manifest was not imported.
#[derive(Debug, Error)]
pub enum ImportError {
    /// It is no archive of the right shape.
    #[error(transparent)]
    Open(OpenError),
    /// Nobody here trusts it.
    #[error(transparent)]
    Verify(VerifyError),
    /// Its content is not right.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It stands against what is here, or the database failed.
    #[error(transparent)]
    Store(#[from] StorageError),
    /// A temporary file failed.
    #[error("a temporary file failed")]
    Disk(#[source] std::io::Error),
    /// A thread of this program ended early.
    #[error("the import was interrupted")]
    Interrupted,
}

/// What the caller of an import asks for.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Conflicts that are forced.
    pub forced: Forced,
    /// The CDN URL that counts over the manifest's.
    pub cdn_url: Option<CdnUrl>,
    /// Does all the work and stores nothing.
    pub dry_run: bool,
    /// Who uploads.
    pub by: Actor,
    /// Where the upload is kept already, and what this import has to do with that.
    pub kept: Option<KeptAs>,
    /// Counts stored entitlements, for a progress bar.
    pub progress: Arc<AtomicU64>,
}

/// An upload that is kept already.
#[derive(Debug, Clone, Copy)]
pub struct KeptAs {
    /// As which one.
    pub upload: Uuid,
    /// The import that is put back.
    pub restores: Option<Uuid>,
    /// The job that is done.
    pub job: Option<JobClaim>,
}
