//! Registers many downstream entitlements in one transaction, all or none, under a lock on the owner.
//! Lines go into a temporary table as they come; the rest is a few statements over the whole of it.

use portolan_domain::{
    ids::OwnerKey,
    registration::{Registration, Source},
};
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::statements;
use crate::{
    audit::Actor,
    batch::{self, BatchCounts, BatchLine, LineRefusal},
    entity::owners,
    error::{Result, StorageError},
    owners::locked_owner,
    store::Store,
    times,
    write::WriteTransaction,
};

/// A batch that is being stored. Dropped before the commit, it leaves nothing behind.
pub struct BatchTransaction {
    transaction: WriteTransaction,
    owner: owners::Model,
    owner_key: OwnerKey,
    lines: u64,
}

impl Store {
    /// Opens a batch, and locks the owner.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner.
    pub async fn begin_batch(&self, owner: &OwnerKey) -> Result<BatchTransaction> {
        let transaction = self.write().await?;
        let row = locked_owner(&*transaction, owner).await?;
        let create = statements::create(transaction.get_database_backend());
        transaction.execute_unprepared(create).await?;
        Ok(BatchTransaction {
            transaction,
            owner: row,
            owner_key: owner.clone(),
            lines: 0,
        })
    }
}

impl BatchTransaction {
    /// Adds the next lines, a few thousand at most.
    ///
    /// # Errors
    /// [`StorageError::Line`] where an id is there twice.
    pub async fn add(&mut self, lines: &[BatchLine<Registration>]) -> Result<()> {
        let sql = statements::load(self.transaction.get_database_backend());
        let json: serde_json::Value = lines.iter().map(row).collect();
        let values = [json.to_string().into(), self.owner.id.into()];
        let twice = |registration: &Registration| LineRefusal::Twice {
            what: "entitlement id",
            name: registration.id.to_string(),
        };
        batch::load(&*self.transaction, (&sql, values), lines, twice).await?;
        self.lines += lines.len() as u64;
        Ok(())
    }

    /// Checks the whole, stores it, and commits. With `replace`, what is not in it is removed.
    ///
    /// # Errors
    /// [`StorageError::Line`] with the first line that is refused: nothing is stored then.
    pub async fn finish(self, replace: bool, by: &Actor) -> Result<BatchCounts> {
        let (transaction, owner) = (&*self.transaction, self.owner.id);
        let backend = transaction.get_database_backend();
        if let Some(prepare) = batch::prepare(backend) {
            transaction.execute_unprepared(prepare).await?;
        }
        self.check().await?;
        let mut counts = BatchCounts::default();
        if replace {
            let remove = statements::REMOVE_OTHERS;
            counts.removed = batch::execute(transaction, remove, [owner.into()]).await?;
        }
        let update = statements::UPDATE;
        counts.updated = batch::execute(transaction, update, [owner.into()]).await?;
        let claim = statements::claim(backend);
        batch::execute(transaction, &claim, [owner.into()]).await?;
        // Another owner may have taken an id since the check; who came later waited for that.
        if let Some(refused) = self.in_use().await? {
            return Err(refused);
        }
        let values = [owner.into(), times::kept(by.at).into()];
        counts.created = batch::execute(transaction, statements::INSERT, values).await?;
        counts.unchanged = self.lines - counts.created - counts.updated;
        self.commit(counts, by).await
    }

    /// Refuses the first line that cannot be stored.
    async fn check(&self) -> Result<()> {
        let (transaction, owner) = (&*self.transaction, self.owner.id);
        let pool = statements::UNKNOWN_POOL;
        let pool = batch::first_line(transaction, pool, [owner.into()]).await?;
        let upstream = statements::UNKNOWN_UPSTREAM;
        let upstream = batch::first_line(transaction, upstream, []).await?;
        let refused = [
            pool.map(|found| refused(found, LineRefusal::UnknownPool)),
            upstream.map(|found| refused(found, LineRefusal::UnknownUpstream)),
            self.in_use().await?,
        ];
        let first = refused
            .into_iter()
            .flatten()
            .min_by_key(|error| match error {
                StorageError::Line { line, .. } => *line,
                _ => 0,
            });
        first.map_or(Ok(()), Err)
    }

    async fn in_use(&self) -> Result<Option<StorageError>> {
        let values = [self.owner.id.into()];
        let found = batch::first_line(&*self.transaction, statements::IN_USE, values).await?;
        Ok(found.map(|found| refused(found, LineRefusal::InUse)))
    }

    async fn commit(self, counts: BatchCounts, by: &Actor) -> Result<BatchCounts> {
        if counts.changes() == 0 {
            self.transaction.rollback().await?;
            return Ok(counts);
        }
        let owner = &self.owner_key;
        self.transaction.owner_changed(self.owner.id, owner).await?;
        if let Some(clean) = batch::clean(self.transaction.get_database_backend()) {
            self.transaction.execute_unprepared(clean).await?;
        }
        let event = by.did("entitlement.register").of_owner(&self.owner_key);
        let event = event.detail(counts.in_words()).times(counts.changes());
        let event = event.revoking(counts.removed);
        self.transaction.commit(event).await?;
        Ok(counts)
    }
}

fn refused((line, name): (i64, String), refusal: fn(String) -> LineRefusal) -> StorageError {
    StorageError::Line {
        line: u64::try_from(line).unwrap_or_default(),
        refusal: refusal(name),
    }
}

/// A line as the temporary table takes it.
fn row(line: &BatchLine<Registration>) -> serde_json::Value {
    let (pool, upstream) = match &line.item.source {
        Source::Owner => (None, None),
        Source::Pool(pool) => (Some(pool), None),
        Source::Upstream(upstream) => (None, Some(upstream)),
    };
    json!([line.number, line.item.id, pool, upstream])
}
