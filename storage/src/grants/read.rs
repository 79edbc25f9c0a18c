//! Grants as they are read: for people, and for whoever makes tokens.

use std::collections::BTreeSet;

use portolan_domain::{
    grants::Grant,
    ids::{CollectionId, OwnerKey, UserName},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
    Select,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::{
    entity::{collections, grants, owners},
    error::{Result, StorageError},
    store::{Page, Store},
};

impl Store {
    /// What this owner grants to a user.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner.
    pub async fn grants_of(&self, owner: &OwnerKey, user: &UserName) -> Result<BTreeSet<Grant>> {
        let owner = self.owner_row(&self.database, owner).await?.id;
        stored(&self.database, owner, user).await
    }

    /// The users to whom this owner grants something, by name, those behind `after`.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner.
    pub async fn granted_users(
        &self,
        owner: &OwnerKey,
        after: Option<&UserName>,
        limit: u64,
    ) -> Result<Page<UserName>> {
        let owner = self.owner_row(&self.database, owner).await?.id;
        let name = grants::Column::UserName;
        let mut query = grants::Entity::find()
            .select_only()
            .column(name)
            .distinct()
            .filter(grants::Column::OwnerId.eq(owner))
            .limit(limit + 1);
        if let Some(after) = after {
            query = query.filter(name.gt(after.as_str()));
        }
        let names = sea_orm::QueryOrder::order_by_asc(query, name);
        let names: Vec<String> = names.into_tuple().all(&self.database).await?;
        let read = |name: String| name.parse().map_err(|_| corrupt("user_name", &name));
        let users: Result<Vec<_>> = names.into_iter().map(read).collect();
        Ok(Page::of(users?, limit))
    }

    /// What a user may have of these collections, by whichever owner; or by the owners among `only`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn grants_that_count(
        &self,
        user: &UserName,
        of: &BTreeSet<CollectionId>,
        only: Option<&[OwnerKey]>,
    ) -> Result<Vec<Grant>> {
        let names = of.iter().map(CollectionId::as_str);
        let mut query = of_user(user)
            .filter(grants::Column::CollectionId.is_in(names))
            .filter(Expr::exists(its_collection_is_its_owners()));
        if let Some(only) = only {
            let owners = ids_of(only);
            query = query.filter(grants::Column::OwnerId.in_subquery(owners));
        }
        let rows = query.all(&self.database).await?;
        rows.iter().map(read).collect()
    }

    /// Which of these collections are in repositories of these owners.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn collections_of(
        &self,
        owners: &[OwnerKey],
        among: &BTreeSet<CollectionId>,
    ) -> Result<BTreeSet<CollectionId>> {
        let names = among.iter().map(CollectionId::as_str);
        let rows = collections::Entity::find()
            .filter(collections::Column::OwnerId.in_subquery(ids_of(owners)))
            .filter(collections::Column::Id.is_in(names))
            .all(&self.database)
            .await?;
        let read = |row: collections::Model| {
            let corrupt = |_| corrupt("collection_id", &row.id);
            row.id.parse().map_err(corrupt)
        };
        rows.into_iter().map(read).collect()
    }
}

/// What an owner grants to a user, whether it counts or not.
pub(super) async fn stored(
    connection: &impl ConnectionTrait,
    owner: i64,
    user: &UserName,
) -> Result<BTreeSet<Grant>> {
    let rows = of_user(user)
        .filter(grants::Column::OwnerId.eq(owner))
        .all(connection)
        .await?;
    rows.iter().map(read).collect()
}

fn of_user(user: &UserName) -> Select<grants::Entity> {
    grants::Entity::find().filter(grants::Column::UserName.eq(user.as_str()))
}

fn ids_of(owners: &[OwnerKey]) -> sea_orm::sea_query::SelectStatement {
    let keys = owners.iter().map(OwnerKey::as_str);
    owners::Entity::find()
        .select_only()
        .column(owners::Column::Id)
        .filter(owners::Column::Key.is_in(keys))
        .into_query()
}

/// Whoever had a collection and has it no longer grants nothing of it, though his rows are there.
fn its_collection_is_its_owners() -> sea_orm::sea_query::SelectStatement {
    let its = |column: collections::Column, own: grants::Column| {
        Expr::col((collections::Entity, column)).equals((grants::Entity, own))
    };
    Query::select()
        .expr(Expr::val(1))
        .from(collections::Entity)
        .cond_where(
            Condition::all()
                .add(its(collections::Column::Id, grants::Column::CollectionId))
                .add(its(collections::Column::OwnerId, grants::Column::OwnerId)),
        )
        .to_owned()
}

fn read(row: &grants::Model) -> Result<Grant> {
    let corrupt = |column| corrupt(column, &row.user_name);
    Ok(Grant {
        collection: row
            .collection_id
            .parse()
            .map_err(|_| corrupt("collection_id"))?,
        pattern: row
            .ref_pattern
            .parse()
            .map_err(|_| corrupt("ref_pattern"))?,
        until: row.until,
    })
}

fn corrupt(column: &'static str, row: &str) -> StorageError {
    StorageError::Corrupt {
        table: "grants",
        column,
        row: row.to_owned(),
    }
}
