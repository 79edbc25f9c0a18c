//! Makes a repository known, changes it, takes it away. Names and collections are one namespace over all
//! owners: who has one first keeps it, since a token for its refs is good at every edge.

use portolan_domain::{
    ids::{CollectionId, OwnerKey, RepoName},
    repo::RepoSettings,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, NotSet, QueryFilter, QuerySelect, Set,
    sea_query::{Expr, ExprTrait, LockType, OnConflict},
};

use super::list::{Repo, find, kept_types, not_found};
use crate::{
    audit::Actor,
    batch::execute,
    entity::{collections, repos},
    error::{Result, StorageError},
    owners::locked_owner,
    store::Store,
    times,
};

/// A repository to be, or as it is to be.
#[derive(Debug, Clone)]
pub struct NewRepo {
    /// Its name.
    pub name: RepoName,
    /// Whose it is.
    pub owner: OwnerKey,
    /// How it decides.
    pub settings: RepoSettings,
}

/// Collections of an owner that are in no repository any more are anybody's again.
const FREE_COLLECTIONS: &str = "\
    DELETE FROM collections WHERE owner_id = $1 AND NOT EXISTS (SELECT 1 FROM repos r \
    WHERE r.owner_id = collections.owner_id AND r.collection_id = collections.id)";

impl Store {
    /// Makes a repository known, or changes it; its commits stay. One that is so already is left alone.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner; [`StorageError::RepoInUse`] and
    /// [`StorageError::CollectionInUse`] where another owner has the name or the collection.
    pub async fn put_repo(&self, new: &NewRepo, by: &Actor) -> Result<Repo> {
        let transaction = self.write().await?;
        // Against the owner's other changes: of two that make one repository, the second changes it.
        let owner = locked_owner(&*transaction, &new.owner).await?.id;
        claim_name(&*transaction, owner, new, by).await?;
        let before = find(&*transaction, &new.name).await?;
        let before = before.ok_or_else(|| not_found(&new.name))?;
        // A row that was just made has seen no change yet.
        if before.settings == new.settings && before.generation > 0 {
            return Ok(before);
        }
        claim_collection(&*transaction, owner, &new.settings.collection).await?;
        change(&*transaction, before.id, new, by).await?;
        execute(&*transaction, FREE_COLLECTIONS, [owner.into()]).await?;
        let stored = find(&*transaction, &new.name).await?;
        let stored = stored.ok_or_else(|| not_found(&new.name))?;
        let event = by.did("repo.put").of_owner(&new.owner);
        let event = event.on(new.name.as_str()).detail(in_words(&new.settings));
        transaction.commit(event).await?;
        Ok(stored)
    }

    /// Forgets a repository of this owner, its commits with it; says whether there was one.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner.
    pub async fn delete_repo(&self, owner: &OwnerKey, name: &RepoName, by: &Actor) -> Result<bool> {
        let transaction = self.write().await?;
        let id = locked_owner(&*transaction, owner).await?.id;
        let deleted = repos::Entity::delete_many()
            .filter(repos::Column::OwnerId.eq(id))
            .filter(repos::Column::Name.eq(name.as_str()))
            .exec(&*transaction)
            .await?;
        if deleted.rows_affected == 0 {
            return Ok(false);
        }
        execute(&*transaction, FREE_COLLECTIONS, [id.into()]).await?;
        let event = by.did("repo.delete").of_owner(owner);
        transaction.commit(event.on(name.as_str())).await?;
        Ok(true)
    }
}

/// Makes the name this owner's, where it is nobody's yet.
async fn claim_name(
    connection: &impl ConnectionTrait,
    owner: i64,
    new: &NewRepo,
    by: &Actor,
) -> Result<()> {
    let name = new.name.as_str();
    let holder = async || {
        let found = repos::Entity::find().filter(repos::Column::Name.eq(name));
        found.lock(LockType::NoKeyUpdate).one(connection).await
    };
    if holder().await?.is_none() {
        claim_collection(connection, owner, &new.settings.collection).await?;
        let now = times::kept(by.at);
        let row = repos::ActiveModel {
            id: NotSet,
            name: Set(name.to_owned()),
            owner_id: Set(owner),
            collection_id: Set(new.settings.collection.to_string()),
            require_auth_for_token_types: Set(kept_types(
                &new.settings.require_auth_for_token_types,
            )),
            default_token_type: Set(new.settings.default_token_type.get()),
            generation: Set(0),
            created_at: Set(now),
            updated_at: Set(now),
        };
        // Another owner may be about to take it: this waits for how that ends, and then looks.
        repos::Entity::insert(row)
            .on_conflict(
                OnConflict::column(repos::Column::Name)
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(connection)
            .await?;
    }
    match holder().await? {
        Some(row) if row.owner_id == owner => Ok(()),
        _ => Err(StorageError::RepoInUse(new.name.clone())),
    }
}

/// Makes the collection this owner's, where it is nobody's yet.
async fn claim_collection(
    connection: &impl ConnectionTrait,
    owner: i64,
    collection: &CollectionId,
) -> Result<()> {
    let row = collections::ActiveModel {
        id: Set(collection.to_string()),
        owner_id: Set(owner),
    };
    collections::Entity::insert(row)
        .on_conflict(
            OnConflict::column(collections::Column::Id)
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await?;
    let holder = collections::Entity::find_by_id(collection.as_str());
    match holder.one(connection).await? {
        Some(row) if row.owner_id == owner => Ok(()),
        _ => Err(StorageError::CollectionInUse(collection.clone())),
    }
}

async fn change(
    connection: &impl ConnectionTrait,
    id: i64,
    new: &NewRepo,
    by: &Actor,
) -> Result<()> {
    use repos::Column as C;
    let settings = &new.settings;
    let types = kept_types(&settings.require_auth_for_token_types);
    repos::Entity::update_many()
        .col_expr(C::CollectionId, Expr::value(settings.collection.as_str()))
        .col_expr(C::RequireAuthForTokenTypes, Expr::value(types))
        .col_expr(
            C::DefaultTokenType,
            Expr::value(settings.default_token_type.get()),
        )
        .col_expr(C::Generation, Expr::col(C::Generation).add(1))
        .col_expr(C::UpdatedAt, Expr::value(times::kept(by.at)))
        .filter(C::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}

fn in_words(settings: &RepoSettings) -> String {
    format!(
        "collection {}, tokens for the types {}, default type {}",
        settings.collection,
        kept_types(&settings.require_auth_for_token_types),
        settings.default_token_type
    )
}
