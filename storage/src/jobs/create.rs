//! A job is asked for, or taken back.

use std::{fs::File, sync::Arc};

use portolan_domain::ids::OwnerKey;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Set,
    sea_query::LockType,
};
use uuid::Uuid;

use super::job::{Job, JobRequest, JobState, OPEN, asked_by, corrupt};
use crate::{
    audit::Actor,
    entity::jobs,
    error::{Result, StorageError},
    ids::new_id,
    imports::Upload,
    store::{Store, owner_key},
    times,
    uploads::{self, NewUpload},
};

impl Store {
    /// Keeps an upload and the job that will import it: once this returns, neither is lost.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner; [`StorageError::TooManyJobs`] where the owner
    /// has `most` that are still to be done.
    pub async fn create_job(
        &self,
        owner: &OwnerKey,
        (upload, file): (&Upload, &Arc<File>),
        request: &JobRequest,
        most: u64,
        by: &Actor,
    ) -> Result<Job> {
        let transaction = self.write().await?;
        let owner_row = self.owner_row(&*transaction, owner).await?;
        let open = jobs::Entity::find()
            .filter(jobs::Column::OwnerId.eq(owner_row.id))
            .filter(jobs::Column::State.is_in(OPEN))
            .count(&*transaction)
            .await?;
        if open >= most {
            return Err(StorageError::TooManyJobs(most));
        }
        let (id, upload_id) = (new_id(), new_id());
        let new = NewUpload {
            id: upload_id,
            owner: owner_row.id,
            upload,
            file,
            at: by.at,
        };
        uploads::keep(&*transaction, &self.data_key(&owner_row)?, &new).await?;
        let at = times::kept(by.at);
        let row = jobs::ActiveModel {
            id: Set(id),
            owner_id: Set(owner_row.id),
            upload_id: Set(Some(upload_id)),
            state: Set(JobState::Queued.as_str().to_owned()),
            created_at: Set(at),
            updated_at: Set(at),
            started_at: Set(None),
            ended_at: Set(None),
            asked_by: Set(asked_by(by)?),
            request: Set(serde_json::to_string(request).map_err(|_| corrupt(id, "request"))?),
            attempt: Set(0),
            not_before_ms: Set(0),
            progress: Set(0),
            import_id: Set(None),
            unchanged: Set(false),
            result: Set(None),
        };
        let row = row.insert(&*transaction).await?;
        let event = by.did("job.create").of_owner(owner).on(id.to_string());
        transaction.commit(event).await?;
        let job = self.job_of(row).await?;
        job.ok_or_else(|| corrupt(id, "owner_id"))
    }

    /// Takes a job back; what it had not committed is never stored. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn cancel_job(&self, id: Uuid, by: &Actor) -> Result<()> {
        let transaction = self.write().await?;
        let row = jobs::Entity::find_by_id(id)
            .lock(LockType::Update)
            .one(&*transaction)
            .await?;
        let Some(row) = row.filter(|row| OPEN.contains(&row.state.as_str())) else {
            return Ok(());
        };
        let at = times::kept(by.at);
        let owner = row.owner_id;
        let change = jobs::ActiveModel {
            id: sea_orm::Unchanged(id),
            state: Set(JobState::Canceled.as_str().to_owned()),
            updated_at: Set(at),
            ended_at: Set(Some(at)),
            ..Default::default()
        };
        change.update(&*transaction).await?;
        if let Some(upload) = row.upload_id {
            uploads::forget_unneeded(&*transaction, owner, upload).await?;
        }
        let mut event = by.did("job.cancel").on(id.to_string());
        event.owner = owner_key(&*transaction, owner).await?;
        transaction.commit(event).await
    }
}
