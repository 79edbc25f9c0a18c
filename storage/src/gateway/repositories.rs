//! The list of repositories. A repository keeps its number, so that holders' sets stay right while lists come
//! and go.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, Set};

use super::FedRepositories;
use crate::{
    audit::Actor, entity::gateway_repositories, error::Result, generation::gateway_changed,
    store::Store,
};

/// Rows, and numbers of rows, that travel to the database at once.
const CHUNK: usize = 5000;

impl Store {
    /// Makes this the list of repositories, and the whole of it.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn put_gateway_repositories(&self, list: &FedRepositories, by: &Actor) -> Result<()> {
        let transaction = self.write().await?;
        // First: of two feeds at once, the second waits here.
        gateway_changed(&transaction).await?;
        list_repositories(&transaction, list, true).await?;
        let event = by.did("gateway.repositories");
        let detail = format!("{} repositories", list.len());
        transaction.commit(event.detail(detail)).await
    }
}

/// Lists these repositories, the others no more where `whole`; answers the numbers of all that have one.
pub(super) async fn list_repositories(
    transaction: &DatabaseTransaction,
    list: &FedRepositories,
    whole: bool,
) -> Result<HashMap<String, i64>> {
    let rows = gateway_repositories::Entity::find()
        .all(transaction)
        .await?;
    let mut numbers = HashMap::with_capacity(rows.len());
    // Rows that are to be another way than they are, by that way.
    let mut changes: BTreeMap<(bool, bool), Vec<i64>> = BTreeMap::new();
    let mut next = 0;
    for row in rows {
        next = next.max(row.number + 1);
        let wanted = match list.get(&row.name) {
            Some(auth_required) => (true, *auth_required),
            None => (row.listed && !whole, row.auth_required),
        };
        if wanted != (row.listed, row.auth_required) {
            changes.entry(wanted).or_default().push(row.number);
        }
        numbers.insert(row.name, row.number);
    }
    for ((listed, auth_required), changed) in changes {
        change(transaction, &changed, listed, auth_required).await?;
    }
    let new: Vec<_> = list
        .iter()
        .filter(|(name, _)| !numbers.contains_key(*name))
        .zip(next..)
        .map(
            |((name, auth_required), number)| gateway_repositories::ActiveModel {
                number: Set(number),
                name: Set(name.clone()),
                listed: Set(true),
                auth_required: Set(*auth_required),
            },
        )
        .collect();
    for row in &new {
        numbers.insert(row.name.clone().unwrap(), row.number.clone().unwrap());
    }
    for rows in new.chunks(CHUNK) {
        gateway_repositories::Entity::insert_many(rows.to_vec())
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(numbers)
}

async fn change(
    transaction: &DatabaseTransaction,
    numbers: &[i64],
    listed: bool,
    auth_required: bool,
) -> Result<()> {
    for numbers in numbers.chunks(CHUNK) {
        let values = gateway_repositories::ActiveModel {
            listed: Set(listed),
            auth_required: Set(auth_required),
            ..Default::default()
        };
        gateway_repositories::Entity::update_many()
            .set(values)
            .filter(gateway_repositories::Column::Number.is_in(numbers.iter().copied()))
            .exec(transaction)
            .await?;
    }
    Ok(())
}
