//! Runs an import: verification and parsing on a blocking thread, rows written while more is parsed.

use std::{
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use portolan_domain::{
    archive::SignedArchive,
    cdn_url::{CdnUrl, HttpCdn},
    ids::OwnerKey,
    import::Warnings,
    limits::Limits,
    manifest::Manifest,
    trust::{ForcedSignature, Verification},
};
use portolan_storage::{Actor, Draft, ImportRecord, ImportTransaction, Keep, Store, Timings};
use tokio::sync::mpsc;
use tracing::{Instrument, debug_span};

use super::{
    options::{ImportError, ImportOptions},
    parse::{Batch, parse},
    reception::{Place, Reception},
    upload::{ReceivedUpload, Spool},
};
use crate::{
    anchors::AnchorStore,
    clock::Clock,
    config::ImportConfig,
    extract::parse_cdn_url,
    metrics::{ImportEnd, WorkFigures},
    problem::{ImportProblem, Problem},
    telemetry::STEPS,
};

/// How long an import waits for its turn.
const TURN: Duration = Duration::from_secs(30);

/// Imports manifests; cheap to clone.
#[derive(Clone)]
pub struct Importer {
    pub(super) store: Store,
    anchors: AnchorStore,
    spool: Spool,
    reception: Reception,
    turns: Reception,
    clock: Clock,
    work: WorkFigures,
    limits: Limits,
    http_cdn: HttpCdn,
    forced_signature: ForcedSignature,
    keep_uploads: u64,
}

impl Importer {
    /// An importer into this store.
    ///
    /// # Errors
    /// Where the upload directory cannot be made.
    pub fn new(
        store: Store,
        anchors: AnchorStore,
        config: &ImportConfig,
        (clock, work): (Clock, WorkFigures),
    ) -> std::io::Result<Self> {
        let spool = config.spool_dir.clone().unwrap_or_else(std::env::temp_dir);
        Ok(Self {
            store,
            anchors,
            spool: Spool::new(&spool)?,
            reception: Reception::new(config.receiving, config.receiving_per_owner),
            // An owner's imports wait for each other anyway: one must not hold the others' turns.
            turns: Reception::new(config.concurrent, 1),
            clock,
            work,
            limits: config.limits.clone(),
            http_cdn: config.http_cdn(),
            forced_signature: config.forced_signature(),
            keep_uploads: config.keep_uploads,
        })
    }

    /// Where uploads wait.
    #[must_use]
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// The largest upload, in bytes.
    #[must_use]
    pub fn upload_limit(&self) -> u64 {
        self.limits.upload_bytes
    }

    /// Whether plain `http` may be a CDN.
    #[must_use]
    pub fn http_cdn(&self) -> HttpCdn {
        self.http_cdn
    }

    /// Reads the parameter `cdn_url` of an import.
    ///
    /// # Errors
    /// 400 with what is wrong with it.
    pub fn cdn_url(&self, text: &str) -> Result<CdnUrl, Problem> {
        parse_cdn_url("The parameter cdn_url", text, self.http_cdn)
    }

    /// Waits for a place to receive an upload in, at most 30 s; none where there is none.
    pub async fn place(&self, owner: &OwnerKey) -> Option<Place> {
        let place = self.reception.enter(owner);
        tokio::time::timeout(TURN, place).await.ok()?
    }

    /// Waits for a turn, at most 30 s; none where there is none.
    pub async fn turn(&self, owner: &OwnerKey) -> Option<Place> {
        let turn = self.turns.enter(owner);
        tokio::time::timeout(TURN, turn).await.ok()?
    }

    /// Waits for a turn, for as long as it takes; none once the service ends.
    pub async fn patient_turn(&self, owner: &OwnerKey) -> Option<Place> {
        self.turns.enter(owner).await
    }

    /// Imports an upload. What was wrong with the manifest is recorded too.
    ///
    /// # Errors
    /// The refusal, as the client sees it.
    pub async fn import(
        &self,
        owner: &OwnerKey,
        upload: ReceivedUpload,
        options: ImportOptions,
    ) -> Result<ImportRecord, Problem> {
        let progress = options.progress.clone();
        let draft = self.draft(&upload, options)?;
        let mut timings = Timings {
            receive_ms: upload.receive_ms,
            ..Timings::default()
        };
        let run = self.run(owner, upload.file, &draft, &progress, &mut timings);
        // A whole transaction is in it.
        let run = Box::pin(run);
        let error = match run.await {
            Ok(record) => {
                let (import, counts) = (record.id, record.counts);
                tracing::info!(%owner, %import, ?counts, ?timings, "a manifest was imported");
                self.work.import_ended(ImportEnd::Imported, &timings);
                let stored = progress.load(Ordering::Relaxed);
                self.work.entitlements_imported(stored);
                return Ok(record);
            }
            Err(error) => error,
        };
        let ImportProblem {
            mut problem,
            recorded,
        } = error.into();
        let failed = problem.status().is_server_error();
        let end = if failed {
            ImportEnd::Failed
        } else {
            ImportEnd::Refused
        };
        self.work.import_ended(end, &timings);
        if recorded && !draft.dry_run {
            let reason = problem.detail();
            tracing::info!(%owner, reason, "a manifest was refused");
            let record = self
                .store
                .record_failure(owner, &draft, reason, timings)
                .await;
            match record {
                Ok(_) => problem = problem.recorded(),
                // The refusal is what the client must know, whatever becomes of its record.
                Err(error) => tracing::error!(%error, %owner, "a refusal could not be recorded"),
            }
        }
        Err(problem)
    }

    fn draft(&self, upload: &ReceivedUpload, options: ImportOptions) -> Result<Draft, ImportError> {
        let keep = if let Some(kept) = options.kept {
            Keep::Already(kept.upload, self.keep_uploads)
        } else {
            let file = upload.file.try_clone().map_err(ImportError::Disk)?;
            Keep::File(Arc::new(file), self.keep_uploads)
        };
        Ok(Draft {
            upload: upload.described(&options.by.name),
            forced: options.forced,
            cdn_url: options.cdn_url,
            dry_run: options.dry_run,
            keep,
            restores: options.kept.and_then(|kept| kept.restores),
            job: options.kept.and_then(|kept| kept.job),
            // The upload may have taken its time.
            by: Actor {
                at: self.clock.now(),
                ..options.by
            },
        })
    }

    async fn run(
        &self,
        owner: &OwnerKey,
        upload: File,
        draft: &Draft,
        progress: &AtomicU64,
        timings: &mut Timings,
    ) -> Result<ImportRecord, ImportError> {
        let started = Instant::now();
        let verifying = debug_span!(target: STEPS, "verify");
        let verify = self.verify(owner, upload, draft).instrument(verifying);
        let manifest = verify.await?;
        timings.verify_ms = millis(started);
        let started = Instant::now();
        let verification = manifest.verification().clone();
        let header = manifest.header.clone();
        let (sender, batches) = mpsc::channel(1);
        // Parsing begins while the owner's lock is awaited; the channel holds it back.
        let now = draft.by.at;
        let parsing = debug_span!(target: STEPS, "parse");
        let parser = tokio::task::spawn_blocking(move || {
            let _within = parsing.entered();
            parse(manifest, now, &sender)
        });
        let storing = debug_span!(target: STEPS, "store");
        let mut transaction = self
            .store
            .begin_import(owner, header, draft.clone())
            .instrument(storing.clone())
            .await?;
        store_batches(&mut transaction, batches, progress)
            .instrument(storing)
            .await?;
        let (warnings, parse_ms) = parser.await.map_err(|_| ImportError::Interrupted)??;
        timings.parse_ms = parse_ms;
        self.finish(transaction, &verification, warnings, started, timings)
            .instrument(debug_span!(target: STEPS, "finish"))
            .await
    }

    async fn finish(
        &self,
        transaction: ImportTransaction,
        verification: &Verification,
        warnings: Warnings,
        started: Instant,
        timings: &mut Timings,
    ) -> Result<ImportRecord, ImportError> {
        let record = transaction
            .finish(verification, warnings, || {
                timings.store_ms = millis(started);
                *timings
            })
            .await?;
        Ok(record)
    }

    /// Opens, verifies, and reads the header.
    async fn verify(
        &self,
        owner: &OwnerKey,
        upload: File,
        draft: &Draft,
    ) -> Result<Manifest<File>, ImportError> {
        let spool = self.spool.file().map_err(ImportError::Disk)?;
        // An upstream CA that was installed or taken away by another process counts at once: the
        // watch comes by once a second only.
        self.anchors.reload().await?;
        let (anchors, owner, draft) = (self.anchors.current(), owner.clone(), draft.clone());
        let (limits, http, forced) = (self.limits.clone(), self.http_cdn, self.forced_signature);
        let verified = tokio::task::spawn_blocking(move || {
            let archive = SignedArchive::open(upload, spool, &limits).map_err(ImportError::Open)?;
            let verified = archive
                .verify(&anchors, &owner, draft.by.at, (forced, &draft.forced))
                .map_err(ImportError::Verify)?;
            Ok(verified.parse(http)?)
        });
        verified.await.map_err(|_| ImportError::Interrupted)?
    }
}

async fn store_batches(
    transaction: &mut ImportTransaction,
    mut batches: mpsc::Receiver<Batch>,
    progress: &AtomicU64,
) -> Result<(), ImportError> {
    while let Some(batch) = batches.recv().await {
        match batch {
            Batch::Files(files) => transaction.keep(files).await?,
            Batch::Entitlements(entitlements) => {
                let stored = entitlements.len() as u64;
                transaction.add(entitlements).await?;
                progress.fetch_add(stored, Ordering::Relaxed);
            }
        }
    }
    Ok(())
}

pub(super) fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
