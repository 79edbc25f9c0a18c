//! Who may pull what: users by name, hosts by uuid, each with all that is theirs.

use std::collections::HashMap;

use portolan_domain::gateway::{MappingFeed, NumberSet};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, Set, sea_query::OnConflict,
};

use super::{HolderKind, Others, repositories::list_repositories};
use crate::{
    audit::Actor,
    entity::{gateway_hosts, gateway_users},
    error::Result,
    generation::gateway_changed,
    store::Store,
};

/// Rows that travel to the database at once: one has some kilobytes.
const CHUNK: usize = 1000;

impl Store {
    /// Says which repositories these users or hosts may pull, all that each may. A repository that no list named
    /// yet is listed from now on.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn put_gateway_holders(
        &self,
        kind: HolderKind,
        fed: &MappingFeed,
        others: Others,
        by: &Actor,
    ) -> Result<()> {
        let transaction = self.write().await?;
        gateway_changed(&transaction).await?;
        let named = fed.repositories.iter().cloned().collect();
        let numbers = list_repositories(&transaction, &named, false).await?;
        let numbers: Vec<Option<u32>> = fed
            .repositories
            .iter()
            .map(|(name, _)| u32::try_from(*numbers.get(name)?).ok())
            .collect();
        let numbered = |places: &NumberSet| {
            let place = places
                .iter()
                .filter_map(|place| usize::try_from(place).ok());
            place.filter_map(|place| *numbers.get(place)?).collect()
        };
        let wanted = fed
            .holders
            .iter()
            .map(|(holder, places)| (holder.as_str(), numbered(places)));
        store(&transaction, kind, wanted.collect(), others).await?;
        let action = match kind {
            HolderKind::User => "gateway.users",
            HolderKind::Host => "gateway.hosts",
        };
        let detail = format!("{} of them", fed.holders.len());
        transaction.commit(by.did(action).detail(detail)).await
    }
}

/// Writes what is another than before, and nothing else.
async fn store(
    transaction: &DatabaseTransaction,
    kind: HolderKind,
    mut wanted: HashMap<&str, NumberSet>,
    others: Others,
) -> Result<()> {
    let mut gone = Vec::new();
    for (name, held) in held(transaction, kind).await? {
        match wanted.get(name.as_str()) {
            Some(set) if set.as_bytes() == held => drop(wanted.remove(name.as_str())),
            Some(_) => {}
            None if others == Others::Removed => gone.push(name),
            None => {}
        }
    }
    let rows: Vec<(&str, NumberSet)> = wanted.into_iter().collect();
    for rows in rows.chunks(CHUNK) {
        upsert(transaction, kind, rows).await?;
    }
    for names in gone.chunks(CHUNK) {
        remove(transaction, kind, names).await?;
    }
    Ok(())
}

async fn held(
    transaction: &DatabaseTransaction,
    kind: HolderKind,
) -> Result<Vec<(String, Vec<u8>)>> {
    Ok(match kind {
        HolderKind::User => {
            let rows = gateway_users::Entity::find().all(transaction).await?;
            rows.into_iter()
                .map(|row| (row.name, row.repositories))
                .collect()
        }
        HolderKind::Host => {
            let rows = gateway_hosts::Entity::find().all(transaction).await?;
            rows.into_iter()
                .map(|row| (row.uuid, row.repositories))
                .collect()
        }
    })
}

async fn upsert(
    transaction: &DatabaseTransaction,
    kind: HolderKind,
    rows: &[(&str, NumberSet)],
) -> Result<()> {
    match kind {
        HolderKind::User => {
            let rows = rows.iter().map(|(name, set)| gateway_users::ActiveModel {
                name: Set((*name).to_owned()),
                repositories: Set(set.as_bytes().to_vec()),
            });
            let again = OnConflict::column(gateway_users::Column::Name)
                .update_column(gateway_users::Column::Repositories)
                .to_owned();
            let insert = gateway_users::Entity::insert_many(rows).on_conflict(again);
            insert.exec_without_returning(transaction).await?;
        }
        HolderKind::Host => {
            let rows = rows.iter().map(|(uuid, set)| gateway_hosts::ActiveModel {
                uuid: Set((*uuid).to_owned()),
                repositories: Set(set.as_bytes().to_vec()),
            });
            let again = OnConflict::column(gateway_hosts::Column::Uuid)
                .update_column(gateway_hosts::Column::Repositories)
                .to_owned();
            let insert = gateway_hosts::Entity::insert_many(rows).on_conflict(again);
            insert.exec_without_returning(transaction).await?;
        }
    }
    Ok(())
}

async fn remove(
    transaction: &DatabaseTransaction,
    kind: HolderKind,
    names: &[String],
) -> Result<()> {
    match kind {
        HolderKind::User => {
            gateway_users::Entity::delete_many()
                .filter(gateway_users::Column::Name.is_in(names))
                .exec(transaction)
                .await?;
        }
        HolderKind::Host => {
            gateway_hosts::Entity::delete_many()
                .filter(gateway_hosts::Column::Uuid.is_in(names))
                .exec(transaction)
                .await?;
        }
    }
    Ok(())
}
