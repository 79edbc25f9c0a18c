//! Repositories as they are read: for people, and by edges.

use std::collections::BTreeSet;

use portolan_domain::{
    ids::{OwnerKey, RepoName},
    repo::{RepoSettings, TokenType},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use time::OffsetDateTime;

use crate::{
    entity::{owners, repos},
    error::{Result, StorageError},
    store::{Page, Store},
};

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repo {
    /// Its number, by which its commits are asked for.
    pub id: i64,
    /// Its name, as it is in URLs.
    pub name: RepoName,
    /// Whose it is.
    pub owner: OwnerKey,
    /// How it decides.
    pub settings: RepoSettings,
    /// Grows with every change of it and of its commits.
    pub generation: i64,
    /// When it was made known.
    pub created_at: OffsetDateTime,
    /// When it was changed last, or its commits.
    pub updated_at: OffsetDateTime,
}

impl Store {
    /// Repositories by name, those behind `after`; all of them, or those of the owners among `only`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn repos(
        &self,
        only: Option<&[OwnerKey]>,
        after: Option<&RepoName>,
        limit: u64,
    ) -> Result<Page<Repo>> {
        let mut query = with_owner().order_by_asc(repos::Column::Name);
        if let Some(only) = only {
            let keys = only.iter().map(OwnerKey::as_str);
            query = query.filter(owners::Column::Key.is_in(keys));
        }
        if let Some(after) = after {
            query = query.filter(repos::Column::Name.gt(after.as_str()));
        }
        let rows = query.limit(limit + 1).into_model::<Row>();
        let rows = rows.all(&self.database).await?;
        let repos: Result<Vec<_>> = rows.into_iter().map(Row::read).collect();
        Ok(Page::of(repos?, limit))
    }

    /// The repository of this name, whosever it is: what may be told of it is the caller's to check.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn repo(&self, name: &RepoName) -> Result<Option<Repo>> {
        find(&self.database, name).await
    }
}

/// A repository, within a transaction or without.
pub(super) async fn find(
    connection: &impl ConnectionTrait,
    name: &RepoName,
) -> Result<Option<Repo>> {
    let query = with_owner().filter(repos::Column::Name.eq(name.as_str()));
    let row = query.into_model::<Row>().one(connection).await?;
    row.map(Row::read).transpose()
}

pub(super) fn not_found(name: &RepoName) -> StorageError {
    StorageError::NotFound {
        what: "repository",
        name: name.to_string(),
    }
}

/// Token types as they are kept.
pub(super) fn kept_types(types: &BTreeSet<TokenType>) -> String {
    let numbers: Vec<i32> = types.iter().map(|kind| kind.get()).collect();
    serde_json::Value::from(numbers).to_string()
}

#[derive(sea_orm::FromQueryResult)]
struct Row {
    id: i64,
    name: String,
    owner_key: String,
    collection_id: String,
    require_auth_for_token_types: String,
    default_token_type: i32,
    generation: i64,
    created_at: OffsetDateTime,
    updated_at: OffsetDateTime,
}

fn with_owner() -> Select<repos::Entity> {
    repos::Entity::find()
        .join(sea_orm::JoinType::InnerJoin, owner_relation())
        .column_as(owners::Column::Key, "owner_key")
}

fn owner_relation() -> sea_orm::RelationDef {
    repos::Entity::belongs_to(owners::Entity)
        .from(repos::Column::OwnerId)
        .to(owners::Column::Id)
        .into()
}

impl Row {
    fn read(self) -> Result<Repo> {
        let id = self.id;
        let corrupt = |column| StorageError::Corrupt {
            table: "repos",
            column,
            row: id.to_string(),
        };
        let types = serde_json::from_str(&self.require_auth_for_token_types);
        let default = TokenType::try_from(i64::from(self.default_token_type));
        Ok(Repo {
            id,
            name: self.name.parse().map_err(|_| corrupt("name"))?,
            owner: self.owner_key.parse().map_err(|_| corrupt("owner_id"))?,
            settings: RepoSettings {
                collection: self
                    .collection_id
                    .parse()
                    .map_err(|_| corrupt("collection_id"))?,
                require_auth_for_token_types: types
                    .map_err(|_| corrupt("require_auth_for_token_types"))?,
                default_token_type: default.map_err(|_| corrupt("default_token_type"))?,
            },
            generation: self.generation,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}
