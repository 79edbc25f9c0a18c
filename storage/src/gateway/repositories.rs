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
        let generation = gateway_changed(&transaction).await?;
        list_repositories(&transaction, list, true, generation).await?;
        let event = by.did("gateway.repositories");
        let detail = format!("{} repositories", list.len());
        transaction.commit(event.detail(detail)).await
    }
}

/// Lists these repositories; answers the numbers of all that have one. Where it is the `whole` list, the others are
/// no more, and whether one needs a token is as it says. Else what is known stays as it is: what a whole list has
/// dropped, too.
pub(super) async fn list_repositories(
    transaction: &DatabaseTransaction,
    list: &FedRepositories,
    whole: bool,
    generation: i64,
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
            Some(auth_required) if whole => (true, *auth_required),
            Some(_) => (row.listed, row.auth_required),
            None => (row.listed && !whole, row.auth_required),
        };
        if wanted != (row.listed, row.auth_required) {
            changes.entry(wanted).or_default().push(row.number);
        }
        numbers.insert(row.name, row.number);
    }
    for (to, changed) in changes {
        change(transaction, &changed, to, generation).await?;
    }
    let new = list.iter().filter(|(name, _)| !numbers.contains_key(*name));
    let new: Vec<_> = new.zip(next..).collect();
    for new in new.chunks(CHUNK) {
        let rows =
            new.iter().map(
                |((name, auth_required), number)| gateway_repositories::ActiveModel {
                    number: Set(*number),
                    name: Set((*name).clone()),
                    listed: Set(true),
                    auth_required: Set(**auth_required),
                    generation: Set(generation),
                },
            );
        gateway_repositories::Entity::insert_many(rows)
            .exec_without_returning(transaction)
            .await?;
    }
    numbers.extend(
        new.into_iter()
            .map(|((name, _), number)| (name.clone(), number)),
    );
    Ok(numbers)
}

async fn change(
    transaction: &DatabaseTransaction,
    numbers: &[i64],
    (listed, auth_required): (bool, bool),
    generation: i64,
) -> Result<()> {
    for numbers in numbers.chunks(CHUNK) {
        let values = gateway_repositories::ActiveModel {
            listed: Set(listed),
            auth_required: Set(auth_required),
            generation: Set(generation),
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
