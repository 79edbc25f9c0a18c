//! Grants of many users in one transaction, all or none, under a lock on the owner.

use portolan_domain::{
    grants::{Grant, GrantLine},
    ids::{OwnerKey, UserName},
};
use sea_orm::{ConnectionTrait, Value};
use serde_json::json;
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use super::statements;
use crate::{
    audit::Actor,
    batch::{self, BatchCounts, BatchLine, LineRefusal},
    error::{Result, StorageError},
    owners::locked_owner,
    store::Store,
    times,
    write::WriteTransaction,
};

/// Grants that travel to the database at once.
const CHUNK: usize = 4000;

/// A batch of grants that is being stored. Dropped before the commit, it leaves nothing behind.
pub struct GrantBatch {
    transaction: WriteTransaction,
    owner: i64,
    owner_key: OwnerKey,
    grants: u64,
}

impl Store {
    /// Opens a batch of grants, and locks the owner.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner.
    pub async fn begin_grant_batch(&self, owner: &OwnerKey) -> Result<GrantBatch> {
        let transaction = self.write().await?;
        let id = locked_owner(&*transaction, owner).await?.id;
        let create = statements::create(transaction.get_database_backend());
        transaction.execute_unprepared(create).await?;
        Ok(GrantBatch {
            transaction,
            owner: id,
            owner_key: owner.clone(),
            grants: 0,
        })
    }
}

impl GrantBatch {
    /// Adds the next lines, a few thousand at most.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn add(&mut self, lines: &[BatchLine<GrantLine>]) -> Result<()> {
        let load = statements::load(self.transaction.get_database_backend());
        let of_line = |line: &BatchLine<GrantLine>| {
            let (number, user) = (line.number, line.item.user.clone());
            let grants = line.item.grants.clone().into_iter();
            grants.map(move |grant| row(number, &user, &grant))
        };
        let rows: Vec<_> = lines.iter().flat_map(of_line).collect();
        for rows in rows.chunks(CHUNK) {
            let json = Value::from(serde_json::Value::from(rows.to_vec()).to_string());
            self.grants += batch::execute(&*self.transaction, &load, [json]).await?;
        }
        Ok(())
    }

    /// Checks the whole, stores it, and commits. With `replace`, the owner grants nothing else afterwards.
    ///
    /// # Errors
    /// [`StorageError::Line`] with the first line that is refused: nothing is stored then.
    pub async fn finish(self, replace: bool, by: &Actor) -> Result<BatchCounts> {
        let (transaction, owner) = (&*self.transaction, self.owner);
        let backend = transaction.get_database_backend();
        if let Some(prepare) = batch::prepare(backend) {
            transaction.execute_unprepared(prepare).await?;
        }
        self.check().await?;
        let run = async |sql| batch::execute(transaction, sql, [owner.into()]).await;
        let mut counts = BatchCounts::default();
        if replace {
            counts.removed = run(statements::REMOVE_OTHERS).await?;
        }
        counts.updated = run(statements::UPDATE).await?;
        counts.created = run(statements::INSERT).await?;
        counts.unchanged = self.grants - counts.created - counts.updated;
        if counts.changes() == 0 {
            self.transaction.rollback().await?;
            return Ok(counts);
        }
        if let Some(clean) = batch::clean(backend) {
            transaction.execute_unprepared(clean).await?;
        }
        let event = by.did("grant.put").of_owner(&self.owner_key);
        let event = event.detail(counts.in_words()).times(counts.changes());
        self.transaction.commit(event).await?;
        Ok(counts)
    }

    /// Refuses the first line that cannot be stored.
    async fn check(&self) -> Result<()> {
        let transaction = &*self.transaction;
        let twice = batch::first_line(transaction, statements::TWICE, []).await?;
        let owner = [self.owner.into()];
        let foreign = batch::first_line(transaction, statements::FOREIGN, owner).await?;
        let what = "grant of";
        let twice = twice.map(|(line, name)| (line, LineRefusal::Twice { what, name }));
        let foreign = foreign.map(|(line, name)| (line, LineRefusal::CollectionNotOwned(name)));
        let first = twice
            .into_iter()
            .chain(foreign)
            .min_by_key(|(line, _)| *line);
        match first {
            Some((line, refusal)) => Err(StorageError::Line {
                line: u64::try_from(line).unwrap_or_default(),
                refusal,
            }),
            None => Ok(()),
        }
    }
}

/// A grant as the temporary table takes it.
fn row(line: u64, user: &UserName, grant: &Grant) -> serde_json::Value {
    let until = grant.until.and_then(as_text);
    json!([line, user, grant.collection, grant.pattern, until])
}

/// An instant as SQLite keeps it and PostgreSQL reads it: the same as one that came alone.
fn as_text(until: OffsetDateTime) -> Option<String> {
    // Checked when the line was read: it is of a year that has this form.
    times::kept(until)
        .to_offset(UtcOffset::UTC)
        .format(&Rfc3339)
        .ok()
}
