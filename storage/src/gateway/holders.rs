//! Who may pull what: users by name, hosts by uuid, each with all that is theirs.

use std::collections::{BTreeSet, HashMap};

use portolan_domain::gateway::{MappingFeed, NumberSet};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, Set, sea_query::OnConflict,
};

use super::{HolderKind, Others, repositories::list_repositories};
use crate::{
    audit::Actor, entity::gateway_holders, error::Result, generation::gateway_changed, store::Store,
};

/// Rows that travel to the database at once: one has some kilobytes.
const CHUNK: usize = 1000;

/// Holders whose numbers are looked at in one go: a thousand of each.
const IN_ONE_GO: usize = 32;

/// What holders are to have; none where they are to be forgotten.
type Wanted<'a> = HashMap<&'a str, Option<NumberSet>>;

impl Store {
    /// Says which repositories these users or hosts may pull, all that each may. A repository that nobody has named
    /// yet is listed from now on; one that the list has dropped is not, and is whose it is where it comes back.
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
        let generation = gateway_changed(&transaction).await?;
        let named = fed.repositories.iter().cloned().collect();
        let numbers = list_repositories(&transaction, &named, false, generation).await?;
        let numbers: Vec<Option<u32>> = fed
            .repositories
            .iter()
            .map(|(name, _)| u32::try_from(*numbers.get(name)?).ok())
            .collect();
        let numbered = |places: &NumberSet| {
            let places = places.iter();
            places
                .filter_map(|place| *numbers.get(usize::try_from(place).ok()?)?)
                .collect()
        };
        let held = held(&transaction, kind).await?;
        let mut wanted = Wanted::with_capacity(fed.holders.len());
        for (count, (holder, places)) in fed.holders.iter().enumerate() {
            wanted.insert(holder.as_str(), Some(numbered(places)));
            pause(count).await;
        }
        if others == Others::Removed {
            for name in held.keys() {
                wanted.entry(name).or_insert(None);
            }
        }
        store(&transaction, kind, generation, &held, &wanted).await?;
        let event = by.did(kind.action());
        let detail = format!("{} of them", fed.holders.len());
        transaction.commit(event.detail(detail)).await
    }

    /// Makes this the list of hosts, and the whole of it: those that were there keep what they have.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn put_gateway_hosts(&self, uuids: &BTreeSet<String>, by: &Actor) -> Result<()> {
        let transaction = self.write().await?;
        let generation = gateway_changed(&transaction).await?;
        let held = held(&transaction, HolderKind::Host).await?;
        let gone = held.keys().filter(|uuid| !uuids.contains(*uuid));
        let mut wanted: Wanted<'_> = gone.map(|uuid| (uuid.as_str(), None)).collect();
        for uuid in uuids {
            if held.get(uuid).is_none_or(Option::is_none) {
                wanted.insert(uuid, Some(NumberSet::default()));
            }
        }
        store(&transaction, HolderKind::Host, generation, &held, &wanted).await?;
        let event = by.did(HolderKind::Host.action());
        let detail = format!("{} listed", uuids.len());
        transaction.commit(event.detail(detail)).await
    }
}

/// Lets others have the thread: ten million numbers would keep it for long.
pub(super) async fn pause(count: usize) {
    if count.is_multiple_of(IN_ONE_GO) {
        tokio::task::yield_now().await;
    }
}

/// All that were ever known, with what they hold.
async fn held(
    transaction: &DatabaseTransaction,
    kind: HolderKind,
) -> Result<HashMap<String, Option<Vec<u8>>>> {
    let rows = gateway_holders::Entity::find()
        .filter(gateway_holders::Column::Kind.eq(kind.as_str()))
        .all(transaction)
        .await?;
    let rows = rows.into_iter().map(|row| (row.name, row.repositories));
    Ok(rows.collect())
}

/// Writes what is another than before, and nothing else.
async fn store(
    transaction: &DatabaseTransaction,
    kind: HolderKind,
    generation: i64,
    held: &HashMap<String, Option<Vec<u8>>>,
    wanted: &Wanted<'_>,
) -> Result<()> {
    let is_another = |(name, set): &(&&str, &Option<NumberSet>)| {
        let before = held.get(**name).and_then(Option::as_deref);
        before != set.as_ref().map(NumberSet::as_bytes)
    };
    let rows: Vec<_> = wanted.iter().filter(is_another).collect();
    for rows in rows.chunks(CHUNK) {
        let rows = rows
            .iter()
            .map(|(name, set)| row(kind, name, set.as_ref(), generation));
        put(transaction, rows).await?;
    }
    Ok(())
}

pub(super) fn row(
    kind: HolderKind,
    name: &str,
    set: Option<&NumberSet>,
    generation: i64,
) -> gateway_holders::ActiveModel {
    gateway_holders::ActiveModel {
        kind: Set(kind.as_str().to_owned()),
        name: Set(name.to_owned()),
        repositories: Set(set.map(|set| set.as_bytes().to_vec())),
        generation: Set(generation),
    }
}

pub(super) async fn put(
    transaction: &DatabaseTransaction,
    rows: impl IntoIterator<Item = gateway_holders::ActiveModel>,
) -> Result<()> {
    use gateway_holders::Column::{Generation, Kind, Name, Repositories};
    let again = OnConflict::columns([Kind, Name])
        .update_columns([Repositories, Generation])
        .to_owned();
    gateway_holders::Entity::insert_many(rows)
        .on_conflict(again)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}
