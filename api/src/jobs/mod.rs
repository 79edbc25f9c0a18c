//! Imports that run without their client: the queue in the database, and what of it runs here.

mod perform;
mod run;

pub use perform::MOST_ATTEMPTS;

use std::{
    collections::HashMap,
    fs::File,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::future::Cache;
use portolan_domain::ids::OwnerKey;
use portolan_storage::{Actor, Job, JobRequest, JobState, StorageError, Store};
use tokio::{
    sync::Notify,
    time::{Instant, interval, timeout_at},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    clock::Clock,
    config::{Config, JobsConfig},
    import::{Importer, ReceivedUpload},
    metrics::WorkFigures,
    patience::patiently,
};

/// How often somebody who waits for a job looks again. All who wait for one look together.
const LOOK: Duration = Duration::from_millis(200);
/// After how long every node has heard of a job's end, whatever its clock.
const HEARD: time::Duration = time::Duration::minutes(1);
/// Jobs that are looked at together.
const LOOKED_AT: u64 = 10_000;

/// The jobs; cheap to clone.
#[derive(Clone)]
pub struct Jobs(Arc<Inner>);

struct Inner {
    store: Store,
    importer: Importer,
    clock: Clock,
    work: WorkFigures,
    config: JobsConfig,
    /// Jobs at once on this node.
    places: usize,
    running: Mutex<HashMap<Uuid, Running>>,
    /// There may be something to do.
    wake: Notify,
    stop: CancellationToken,
    looks: Cache<Uuid, Option<Arc<Job>>>,
}

/// A job that runs here.
#[derive(Clone, Default)]
struct Running {
    cancel: CancellationToken,
    progress: Arc<AtomicU64>,
}

impl Jobs {
    /// The queue of this database. Nothing runs until [`Jobs::run`].
    #[must_use]
    pub fn new(
        store: &Store,
        importer: &Importer,
        clock: &Clock,
        (config, work): (&Config, &WorkFigures),
    ) -> Self {
        Self(Arc::new(Inner {
            store: store.clone(),
            importer: importer.clone(),
            clock: clock.clone(),
            work: work.clone(),
            config: config.jobs.clone(),
            places: config.import.concurrent,
            running: Mutex::default(),
            wake: Notify::new(),
            stop: CancellationToken::new(),
            looks: Cache::builder()
                .max_capacity(LOOKED_AT)
                .time_to_live(LOOK)
                .build(),
        }))
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Uuid, Running>> {
        let running = self.0.running.lock();
        running.unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an upload and what is asked of it; neither is lost once this returns.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn create(
        &self,
        owner: &OwnerKey,
        upload: ReceivedUpload,
        request: &JobRequest,
        by: &Actor,
    ) -> Result<Job, StorageError> {
        let described = upload.described(&by.name);
        let file: Arc<File> = Arc::new(upload.file);
        let most = self.0.config.waiting_per_owner;
        let created = self
            .0
            .store
            .create_job(owner, (&described, &file), request, most, by);
        let job = created.await?;
        self.0.wake.notify_one();
        Ok(job)
    }

    /// A job as it is now; nothing where it is unknown.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn get(&self, id: Uuid) -> Result<Option<Job>, StorageError> {
        let found = patiently(self.0.store.job(id), false).await?;
        let now = self.0.clock.now();
        let has_just_ended = |job: &&Job| {
            let ended = job.ended_at.is_some_and(|at| now - at < HEARD);
            ended && job.state == JobState::Finished
        };
        if let Some(job) = found.as_ref().filter(has_just_ended) {
            // Whoever hears here that it is done must not hear anything older next, whichever node did it.
            self.0.store.changes().owner_changed(&job.owner);
        }
        Ok(found.map(|job| self.with_progress(job)))
    }

    /// A job once it has ended, or as it is when the time is over.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn wait(&self, id: Uuid, patience: Duration) -> Result<Option<Job>, StorageError> {
        let deadline = Instant::now() + patience;
        let ended = async {
            let mut ticks = interval(LOOK);
            loop {
                ticks.tick().await;
                let load = async {
                    let job = patiently(self.0.store.job(id), false).await?;
                    Ok(job.map(Arc::new))
                };
                // One question for all who wait; its failure is everybody's, and ends the waiting.
                let job = self.0.looks.try_get_with(id, load).await;
                let job = job.map_err(|_: Arc<StorageError>| StorageError::timed_out())?;
                if job.as_ref().is_none_or(|job| job.state.is_final()) {
                    return Ok::<_, StorageError>(());
                }
            }
        };
        if let Ok(ended) = timeout_at(deadline, ended).await {
            ended?;
        }
        self.get(id).await
    }

    /// Takes a job back. What runs of it here ends at once; elsewhere, as soon as its node hears of it.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn cancel(&self, id: Uuid, by: &Actor) -> Result<(), StorageError> {
        // First, since it may hold the lock of SQLite that writing this down needs.
        let here = self.running().get(&id).cloned();
        if let Some(here) = here {
            here.cancel.cancel();
        }
        self.0.store.cancel_job(id, by).await
    }

    /// What runs here knows better how far it is than the database.
    fn with_progress(&self, mut job: Job) -> Job {
        if let Some(here) = self.running().get(&job.id)
            && !job.state.is_final()
        {
            job.progress = here.progress.load(Ordering::Relaxed);
        }
        job
    }

    /// Ends [`Jobs::run`]: what runs is put back, for another node or the next start.
    pub fn stop(&self) {
        self.0.stop.cancel();
    }
}
