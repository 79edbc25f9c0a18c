//! Brings a repository's commits to what a publish hook or a scan says, all of it or nothing, under a lock
//! on the repository.

use portolan_domain::{
    ids::{OwnerKey, RepoName},
    repo::CommitLine,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, LockType},
};
use serde_json::json;

use super::{list::not_found, statements};
use crate::{
    audit::Actor,
    batch::{self, BatchCounts, BatchLine, LineRefusal},
    entity::repos,
    error::Result,
    store::Store,
    times,
    write::WriteTransaction,
};

/// A sync that is being stored. Dropped before the commit, it leaves nothing behind.
pub struct CommitSync {
    transaction: WriteTransaction,
    repo: i64,
    name: RepoName,
    owner: OwnerKey,
    lines: u64,
}

impl Store {
    /// Opens a sync of this owner's repository, and locks the repository.
    ///
    /// # Errors
    /// [`crate::StorageError::NotFound`] where the owner has no such repository.
    pub async fn begin_commit_sync(&self, owner: &OwnerKey, name: &RepoName) -> Result<CommitSync> {
        let transaction = self.write().await?;
        let id = self.owner_row(&*transaction, owner).await?.id;
        let row = repos::Entity::find()
            .filter(repos::Column::OwnerId.eq(id))
            .filter(repos::Column::Name.eq(name.as_str()))
            .lock(LockType::NoKeyUpdate)
            .one(&*transaction)
            .await?;
        let repo = row.ok_or_else(|| not_found(name))?.id;
        let create = statements::create(transaction.get_database_backend());
        transaction.execute_unprepared(create).await?;
        Ok(CommitSync {
            transaction,
            repo,
            name: name.clone(),
            owner: owner.clone(),
            lines: 0,
        })
    }
}

impl CommitSync {
    /// Adds the next lines, a few thousand at most.
    ///
    /// # Errors
    /// [`crate::StorageError::Line`] where a commit is there twice.
    pub async fn add(&mut self, lines: &[BatchLine<CommitLine>]) -> Result<()> {
        let sql = statements::load(self.transaction.get_database_backend());
        let json: serde_json::Value = lines.iter().map(row).collect();
        let twice = |line: &CommitLine| LineRefusal::Twice {
            what: "commit",
            name: line.commit.to_string(),
        };
        let load = (&*sql, [json.to_string().into()]);
        batch::load(&*self.transaction, load, lines, twice).await?;
        self.lines += lines.len() as u64;
        Ok(())
    }

    /// Stores the whole, and commits. With `replace`, what is not in it is forgotten.
    ///
    /// # Errors
    /// [`crate::StorageError`]: nothing is stored then.
    pub async fn finish(self, replace: bool, by: &Actor) -> Result<BatchCounts> {
        let (transaction, repo) = (&*self.transaction, self.repo);
        let backend = transaction.get_database_backend();
        if let Some(prepare) = batch::prepare(backend) {
            transaction.execute_unprepared(prepare).await?;
        }
        let run = async |sql| batch::execute(transaction, sql, [repo.into()]).await;
        let mut counts = BatchCounts::default();
        if replace {
            counts.removed = run(statements::REMOVE_OTHERS).await?;
        }
        counts.updated = run(statements::UPDATE).await?;
        counts.created = run(statements::INSERT).await?;
        counts.unchanged = self.lines - counts.created - counts.updated;
        if counts.changes() == 0 {
            self.transaction.rollback().await?;
            return Ok(counts);
        }
        changed(transaction, repo, by).await?;
        if let Some(clean) = batch::clean(backend) {
            transaction.execute_unprepared(clean).await?;
        }
        let event = by.did("repo.sync").of_owner(&self.owner);
        let event = event.on(self.name.as_str()).detail(counts.in_words());
        self.transaction
            .commit(event.times(counts.changes()))
            .await?;
        Ok(counts)
    }
}

/// What edges are told has changed.
async fn changed(connection: &impl ConnectionTrait, repo: i64, by: &Actor) -> Result<()> {
    let generation = repos::Column::Generation;
    repos::Entity::update_many()
        .col_expr(generation, Expr::col(generation).add(1))
        .col_expr(repos::Column::UpdatedAt, Expr::value(times::kept(by.at)))
        .filter(repos::Column::Id.eq(repo))
        .exec(connection)
        .await?;
    Ok(())
}

/// A line as the temporary table takes it.
fn row(line: &BatchLine<CommitLine>) -> serde_json::Value {
    let facts = &line.item.facts;
    let token_type = facts.token_type.map(portolan_domain::repo::TokenType::get);
    // Sorted: the same refs are the same text.
    let refs = json!(facts.refs).to_string();
    json!([line.number, line.item.commit, token_type, refs])
}
