//! Runs an export. Whatever refuses it does so before the first byte goes out: the inner archive is
//! whole and signed by then, in a file of ours.

use std::{sync::Arc, time::Duration};

use portolan_domain::{build::BuildError, ids::OwnerKey, trust::SignatureAlgorithm};
use portolan_storage::{ExportReader, StorageError, Store};
use thiserror::Error;
use tokio::sync::mpsc;

use super::{
    options::ExportOptions,
    send::Export,
    signing::SigningCas,
    write::{Job, Part, Written},
};
use crate::{
    clock::Clock,
    config::{ExportConfig, ImportConfig},
    import::{Place, Reception, Spool},
};

/// How long an export waits for its turn.
const TURN: Duration = Duration::from_secs(30);

/// Why nothing was exported.
#[derive(Debug, Error)]
pub enum ExportError {
    /// More exports are here than may be.
    #[error("too many exports at once")]
    Busy,
    /// The archive is larger than what can be signed so.
    #[error("the archive has {bytes} bytes, over {limit}")]
    TooLarge {
        /// The archive's bytes.
        bytes: u64,
        /// What can be signed.
        limit: u64,
    },
    /// It could not be written or signed.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The database failed, or there is no such owner or entitlement.
    #[error(transparent)]
    Store(#[from] StorageError),
    /// A temporary file could not be made.
    #[error("a temporary file failed")]
    Disk(#[source] std::io::Error),
    /// A thread of this program ended early.
    #[error("the export was interrupted")]
    Interrupted,
}

/// Exports what owners have imported; cheap to clone.
#[derive(Clone)]
pub struct Exporter(Arc<Inner>);

struct Inner {
    store: Store,
    signing: SigningCas,
    spool: Spool,
    places: Reception,
    turns: Reception,
    clock: Clock,
    oneshot_bytes: u64,
}

impl Exporter {
    /// An exporter out of this store.
    #[must_use]
    pub fn new(
        store: Store,
        signing: SigningCas,
        spool: Spool,
        (export, import): (&ExportConfig, &ImportConfig),
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            signing,
            spool,
            places: Reception::new(export.sending, export.sending_per_owner),
            turns: Reception::new(export.concurrent, 1),
            clock,
            oneshot_bytes: import.limits.oneshot_bytes,
        }))
    }

    /// Exports what the owner has imported, and records that. Dropped, it ends.
    ///
    /// # Errors
    /// [`ExportError`]; nothing is exported then.
    pub async fn export(
        &self,
        owner: &OwnerKey,
        options: ExportOptions,
    ) -> Result<Export, ExportError> {
        let this = &*self.0;
        // Before anybody waits, or has keys made for nothing.
        if this.store.upstream_consumer(owner).await?.is_none() {
            return Err(StorageError::WithoutImport(owner.clone()).into());
        }
        let place = enter(&this.places, owner).await?;
        // Until it is written: a client that takes its export slowly keeps nobody from a turn.
        let turn = enter(&this.turns, owner).await?;
        let written = this.write(owner, &options).await?;
        let count = written.entitlements;
        let event = options.by.did("export.create").of_owner(owner);
        let event = event.detail(format!("{count} entitlements"));
        this.store.record_events(vec![event]).await?;
        drop(turn);
        tracing::info!(%owner, entitlements = count, "a manifest was exported");
        Ok(Export::new(written.signed, count, place))
    }
}

impl Inner {
    async fn write(
        &self,
        owner: &OwnerKey,
        options: &ExportOptions,
    ) -> Result<Written, ExportError> {
        let issuer = self.signing.authority(SignatureAlgorithm::Sha256WithRsa);
        let (issuer, ca) = (
            issuer.await?,
            self.signing.authority(options.scheme.algorithm()).await?,
        );
        let uuid = self.store.exported_consumer(owner, &options.by).await?;
        let reader = self.store.begin_export(owner, options.only.clone()).await?;
        let reader = reader.ok_or_else(|| StorageError::WithoutImport(owner.clone()))?;
        let cdn = match &options.cdn_label {
            Some(label) => reader.cdn(label).await?,
            None => None,
        };
        let source = reader.source().await?;
        let job = Job {
            spool: self.spool.file().map_err(ExportError::Disk)?,
            header: options.header(source, cdn, uuid, self.clock.now()),
            issuer,
            ca,
            scheme: options.scheme,
            oneshot_bytes: self.oneshot_bytes,
        };
        let (sender, parts) = mpsc::channel(1);
        let writing = tokio::task::spawn_blocking(move || job.write(parts));
        feed(reader, sender).await?;
        writing.await.map_err(|_| ExportError::Interrupted)?
    }
}

async fn enter(places: &Reception, owner: &OwnerKey) -> Result<Place, ExportError> {
    let place = tokio::time::timeout(TURN, places.enter(owner)).await;
    place.ok().flatten().ok_or(ExportError::Busy)
}

/// Reads everything and hands it on. A writer that is gone has failed, and says why itself.
async fn feed(mut reader: ExportReader, parts: mpsc::Sender<Part>) -> Result<(), StorageError> {
    // An importer refuses products where there is not one entitlement.
    let with_products = reader.count().await? > 0;
    loop {
        let mut files = reader.files().await?;
        if files.is_empty() {
            break;
        }
        files.retain(|file| with_products || !file.path.starts_with("products/"));
        if parts.send(Part::Files(files)).await.is_err() {
            return Ok(());
        }
    }
    loop {
        let entitlements = reader.entitlements().await?;
        if entitlements.is_empty() {
            break;
        }
        if parts.send(Part::Entitlements(entitlements)).await.is_err() {
            return Ok(());
        }
    }
    let _ = parts.send(Part::End).await;
    Ok(())
}
