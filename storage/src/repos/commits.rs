//! What an edge asks: which refs a commit is of.

use portolan_domain::{
    ids::CommitId,
    repo::{CommitFacts, TokenType},
};
use sea_orm::EntityTrait;

use super::list::Repo;
use crate::{
    entity::commits,
    error::{Result, StorageError},
    store::Store,
};

impl Store {
    /// What is known of a commit of this repository; none where nobody told of it.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn commit(&self, repo: &Repo, commit: &CommitId) -> Result<Option<CommitFacts>> {
        let row = commits::Entity::find_by_id((repo.id, commit.to_string()));
        let row = row.one(&self.database).await?;
        row.as_ref().map(read).transpose()
    }
}

fn read(row: &commits::Model) -> Result<CommitFacts> {
    let corrupt = |column| StorageError::Corrupt {
        table: "commits",
        column,
        row: format!("{} of repository {}", row.id, row.repo_id),
    };
    let token_type = row
        .token_type
        .map(|number| TokenType::try_from(i64::from(number)));
    Ok(CommitFacts {
        token_type: token_type.transpose().map_err(|_| corrupt("token_type"))?,
        refs: serde_json::from_str(&row.refs).map_err(|_| corrupt("refs"))?,
    })
}
