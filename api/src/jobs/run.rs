//! Takes jobs from the queue, as many at once as imports may run, and keeps the claims on them alive.

use std::{sync::atomic::Ordering, time::Duration};

use portolan_storage::{Engine, Job, JobClaim, StorageError};
use tokio::{task::JoinSet, time::interval};
use uuid::Uuid;

use super::{Jobs, Running, perform::Done};
use crate::metrics::JobEnd;

/// How often the queue is looked at, beside when somebody here adds to it.
const LOOK: Duration = Duration::from_secs(1);
/// How often old jobs are forgotten.
const TIDY: Duration = Duration::from_mins(10);

/// Says that a job runs here, until it is dropped: after a panic, too, which must not keep its owner's
/// jobs from ever being begun here again.
struct Here<'a>(&'a Jobs, Uuid);

impl Drop for Here<'_> {
    fn drop(&mut self) {
        let jobs = &self.0;
        let mut running = jobs.running();
        running.remove(&self.1);
        jobs.0.work.jobs_running(running.len());
    }
}

impl Jobs {
    /// Does what is to be done, until [`Jobs::stop`].
    pub async fn run(self) {
        let stop = self.0.stop.clone();
        let mut tasks = JoinSet::new();
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut tidying = interval(TIDY);
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = looks.tick() => {}
                () = self.0.wake.notified() => {}
                _ = tasks.join_next(), if !tasks.is_empty() => {}
                _ = tidying.tick() => { tokio::spawn(self.clone().tidy()); }
            }
            let fill = self.fill(&mut tasks);
            tokio::select! {
                () = stop.cancelled() => break,
                () = fill => {}
            }
        }
        // Each puts its job back.
        while tasks.join_next().await.is_some() {}
    }

    async fn fill(&self, tasks: &mut JoinSet<()>) {
        while tasks.len() < self.0.places {
            let here: Vec<Uuid> = self.running().keys().copied().collect();
            let lease = self.0.config.lease();
            let claimed = self.0.store.claim_job(lease, &here, self.0.clock.now());
            match claimed.await {
                Ok(Some((claim, job))) => {
                    let running = Running::default();
                    let mut all = self.running();
                    all.insert(claim.id, running.clone());
                    self.0.work.jobs_running(all.len());
                    drop(all);
                    tasks.spawn(self.clone().attend(claim, job, running));
                }
                // While the database is away, the next look may be luckier.
                Ok(None) | Err(StorageError::Unavailable(_)) => return,
                Err(error) => {
                    tracing::error!(%error, "no job could be taken");
                    return;
                }
            }
        }
    }

    /// Works on one job until it is done, taken back, taken over, or this node ends.
    async fn attend(self, claim: JobClaim, job: Job, running: Running) {
        let (id, owner) = (job.id, job.owner.clone());
        let _here = Here(&self, id);
        tracing::info!(%id, %owner, attempt = claim.attempt, "a job is begun");
        let stop = self.0.stop.clone();
        let done = tokio::select! {
            biased;
            () = running.cancel.cancelled() => Done::Dropped,
            () = stop.cancelled() => Done::PutBack(Duration::ZERO),
            () = self.lost(claim, &running) => Done::Dropped,
            done = self.perform(claim, job, &running) => done,
        };
        self.0.work.job_ended(match done {
            Done::Dropped => JobEnd::Ended,
            Done::PutBack(_) => JobEnd::PutBack,
        });
        // On whatever path: what was dropped here may have been committed all the same.
        self.0.store.changes().owner_changed(&owner);
        if let Done::PutBack(pause) = done
            && let Err(error) = self.0.store.release_claim(claim, pause).await
        {
            tracing::warn!(%error, %id, "a job could not be put back: it goes on after its lease");
        }
        self.0.wake.notify_one();
    }

    /// Renews the claim; ends once it is another node's, or the job was taken back.
    async fn lost(&self, claim: JobClaim, running: &Running) {
        if self.0.store.engine() == Engine::Sqlite {
            // The import that runs holds the lock that renewing needs. Nobody can take a claim over
            // meanwhile, for the same reason; and between, its own transaction finds out.
            return std::future::pending().await;
        }
        let lease = self.0.config.lease();
        let mut ticks = interval(lease / 4);
        loop {
            ticks.tick().await;
            let progress = running.progress.load(Ordering::Relaxed);
            let now = self.0.clock.now();
            match self.0.store.renew_claim(claim, lease, progress, now).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::info!(id = %claim.id, "a job was taken back or taken over");
                    return;
                }
                // Whether it still counts, the transaction of the import asks in any case.
                Err(error) => tracing::warn!(%error, id = %claim.id, "a claim was not renewed"),
            }
        }
    }

    async fn tidy(self) {
        let before = self.0.clock.now() - self.0.config.keep();
        match self.0.store.forget_jobs(before).await {
            Ok(0) => {}
            Ok(jobs) => tracing::info!(jobs, "old jobs were forgotten"),
            Err(error) => tracing::warn!(%error, "old jobs could not be forgotten"),
        }
    }
}
