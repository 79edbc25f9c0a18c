//! Who runs a job. Leases go by the database's clock: nodes whose own clocks differ agree all the same.

use std::time::Duration;

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, SimpleExpr},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::job::{Job, JobState};
use crate::{
    engine::Engine,
    entity::jobs::{self, Column},
    error::{Result, StorageError},
    store::Store,
    times, uploads,
};

/// The right to run a job, until somebody else takes it over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobClaim {
    /// The job.
    pub id: Uuid,
    /// How many times it was begun, this time included.
    pub attempt: i64,
}

/// How a job ends.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// With this import, or with the one that was there already.
    Import { id: Uuid, unchanged: bool },
    /// With this JSON: the record of a dry run.
    Document(String),
    /// With this problem, as JSON.
    Failed(String),
}

/// Milliseconds since 1970, by the database.
fn now_ms(engine: Engine) -> SimpleExpr {
    Expr::cust(match engine {
        Engine::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)",
        Engine::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    })
}

fn later(engine: Engine, by: Duration) -> SimpleExpr {
    now_ms(engine).add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 2))
}

/// The oldest job that may be begun now: of each owner only the oldest one may, so that an owner's
/// imports come in the order in which they were asked for, one at a time.
fn candidates(engine: Engine, but: &[Uuid]) -> Select<jobs::Entity> {
    let older = Expr::cust(
        "NOT EXISTS (SELECT 1 FROM jobs AS older WHERE older.owner_id = jobs.owner_id \
         AND older.id < jobs.id AND older.state IN ('CREATED', 'QUEUED', 'RUNNING'))",
    );
    let may_begin = [JobState::Queued.as_str(), JobState::Running.as_str()];
    jobs::Entity::find()
        .filter(Column::State.is_in(may_begin))
        .filter(Expr::col((jobs::Entity, Column::NotBeforeMs)).lte(now_ms(engine)))
        .filter(Column::Id.is_not_in(but.iter().copied()))
        .filter(older)
        .order_by_asc(Column::Id)
        .limit(1)
}

impl JobClaim {
    /// The row, while this claim is the one that counts.
    fn condition(self) -> Condition {
        Condition::all()
            .add(Column::Id.eq(self.id))
            .add(Column::Attempt.eq(self.attempt))
            .add(Column::State.eq(JobState::Running.as_str()))
    }
}

impl Store {
    /// Takes the next job that waits, or whose node was not heard of for a lease; never one of `but`,
    /// which run here.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn claim_job(
        &self,
        lease: Duration,
        but: &[Uuid],
        at: OffsetDateTime,
    ) -> Result<Option<(JobClaim, Job)>> {
        let engine = self.engine();
        // Nobody takes SQLite's write lock to find nothing.
        if candidates(engine, but).one(&self.database).await?.is_none() {
            return Ok(None);
        }
        let transaction = self.write().await?;
        let row = candidates(engine, but)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .one(&*transaction)
            .await?;
        let Some(mut row) = row else { return Ok(None) };
        row.attempt += 1;
        row.started_at = row.started_at.or(Some(times::kept(at)));
        JobState::Running.as_str().clone_into(&mut row.state);
        jobs::Entity::update_many()
            .col_expr(Column::State, Expr::value(row.state.clone()))
            .col_expr(Column::Attempt, Expr::value(row.attempt))
            .col_expr(Column::StartedAt, Expr::value(row.started_at))
            .col_expr(Column::UpdatedAt, Expr::value(times::kept(at)))
            .col_expr(Column::Progress, Expr::value(0))
            .col_expr(Column::NotBeforeMs, later(engine, lease))
            .filter(Column::Id.eq(row.id))
            .exec(&*transaction)
            .await?;
        transaction.commit_housekeeping().await?;
        let claim = JobClaim {
            id: row.id,
            attempt: row.attempt,
        };
        Ok(self.job_of(row).await?.map(|job| (claim, job)))
    }

    /// Says that a job is being worked on, and how far it is. False where somebody else has it, or it
    /// was taken back: then all of it is to be dropped.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn renew_claim(
        &self,
        claim: JobClaim,
        lease: Duration,
        progress: u64,
        at: OffsetDateTime,
    ) -> Result<bool> {
        let progress = i64::try_from(progress).unwrap_or(i64::MAX);
        let renewed = jobs::Entity::update_many()
            .col_expr(Column::NotBeforeMs, later(self.engine(), lease))
            .col_expr(Column::Progress, Expr::value(progress))
            .col_expr(Column::UpdatedAt, Expr::value(times::kept(at)))
            .filter(claim.condition())
            .exec(&self.database)
            .await?;
        Ok(renewed.rows_affected > 0)
    }

    /// Puts a job back: it is begun again, here or elsewhere, after `pause`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn release_claim(&self, claim: JobClaim, pause: Duration) -> Result<()> {
        let transaction = self.write().await?;
        jobs::Entity::update_many()
            .col_expr(Column::State, Expr::value(JobState::Queued.as_str()))
            .col_expr(Column::NotBeforeMs, later(self.engine(), pause))
            .filter(claim.condition())
            .exec(&*transaction)
            .await?;
        transaction.commit_housekeeping().await
    }

    /// Ends a job with the JSON of a dry run's record.
    ///
    /// # Errors
    /// [`StorageError::JobLost`] where somebody else has it.
    pub async fn finish_job(
        &self,
        claim: JobClaim,
        document: String,
        at: OffsetDateTime,
    ) -> Result<()> {
        self.end_job(claim, End::Document(document), at).await
    }

    /// Ends a job with an import that was there already.
    ///
    /// # Errors
    /// [`StorageError::JobLost`] where somebody else has it.
    pub async fn skip_job(&self, claim: JobClaim, import: Uuid, at: OffsetDateTime) -> Result<()> {
        let (id, unchanged) = (import, true);
        self.end_job(claim, End::Import { id, unchanged }, at).await
    }

    /// Ends a job with a problem, as JSON.
    ///
    /// # Errors
    /// [`StorageError::JobLost`] where somebody else has it.
    pub async fn fail_job(
        &self,
        claim: JobClaim,
        problem: String,
        at: OffsetDateTime,
    ) -> Result<()> {
        self.end_job(claim, End::Failed(problem), at).await
    }

    async fn end_job(&self, claim: JobClaim, how: End, at: OffsetDateTime) -> Result<()> {
        let transaction = self.write().await?;
        let row = jobs::Entity::find_by_id(claim.id)
            .one(&*transaction)
            .await?;
        end(&*transaction, claim, how, at).await?;
        if let Some((owner, upload)) = row.and_then(|row| Some((row.owner_id, row.upload_id?))) {
            uploads::forget_unneeded(&*transaction, owner, upload).await?;
        }
        transaction.commit_housekeeping().await
    }
}

/// Ends a job within a transaction: in that of its import, so that neither is there without the other.
pub(crate) async fn end(
    connection: &impl ConnectionTrait,
    claim: JobClaim,
    how: End,
    at: OffsetDateTime,
) -> Result<()> {
    let (state, import, unchanged, result) = match how {
        End::Import { id, unchanged } => (JobState::Finished, Some(id), unchanged, None),
        End::Document(document) => (JobState::Finished, None, false, Some(document)),
        End::Failed(problem) => (JobState::Failed, None, false, Some(problem)),
    };
    let at = times::kept(at);
    let ended = jobs::Entity::update_many()
        .col_expr(Column::State, Expr::value(state.as_str()))
        .col_expr(Column::ImportId, Expr::value(import))
        .col_expr(Column::Unchanged, Expr::value(unchanged))
        .col_expr(Column::Result, Expr::value(result))
        .col_expr(Column::UpdatedAt, Expr::value(at))
        .col_expr(Column::EndedAt, Expr::value(Some(at)))
        .filter(claim.condition())
        .exec(connection)
        .await?;
    if ended.rows_affected == 0 {
        return Err(StorageError::JobLost);
    }
    Ok(())
}
