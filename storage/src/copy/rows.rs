//! The rows of one table: sent in batches, and compared with what arrived by a digest that knows no order, since
//! the engines sort texts each in its own way.

use futures_util::TryStreamExt;
use portolan_domain::digest::Sha256Digest;
use sea_orm::{
    ActiveModelTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, Iterable, ModelTrait,
    Value,
};

use super::{CopiedTable, CopyError};
use crate::times::kept;

/// PostgreSQL takes so many values in a statement, and some more.
const MOST_VALUES: usize = 60_000;
/// Rows of a batch, where values are no limit.
const MOST_ROWS: usize = 1000;
/// Bytes of a batch, about: a piece of an upload has a MiB.
const MOST_BYTES: usize = 16 << 20;

/// How many rows there are, and a digest of them in any order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    digest: [u8; 32],
}

impl Sum {
    /// Adds a row; gives back how many bytes it has, about.
    fn add<M: ModelTrait>(&mut self, row: &M) -> usize {
        let mut text = Vec::new();
        for column in <M::Entity as EntityTrait>::Column::iter() {
            match row.get(column) {
                Value::Bytes(Some(bytes)) => text.extend_from_slice(&bytes),
                // A manifest's times may be finer than what PostgreSQL keeps.
                Value::TimeDateTimeWithTimeZone(Some(time)) => {
                    let nanoseconds = kept(time).unix_timestamp_nanos();
                    text.extend_from_slice(&nanoseconds.to_be_bytes());
                }
                other => text.extend_from_slice(format!("{other:?}").as_bytes()),
            }
            // What ends one value and begins the next must not be a matter of taste.
            text.extend_from_slice(&text.len().to_be_bytes());
        }
        // Rows of a table are never the same twice, since they have a key.
        let digest = Sha256Digest::of(&text);
        for (sum, byte) in self.digest.iter_mut().zip(digest.as_bytes()) {
            *sum ^= byte;
        }
        self.rows += 1;
        text.len()
    }
}

/// Copies a table, and compares it with what arrived.
pub async fn copy_rows<E>(
    name: &'static str,
    source: &DatabaseTransaction,
    target: &DatabaseTransaction,
) -> Result<CopiedTable, CopyError>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel> + ModelTrait<Entity = E>,
    E::ActiveModel: ActiveModelTrait<Entity = E> + Send,
{
    // What a migration put there is in the source, too, and newer.
    E::delete_many().exec(target).await?;
    let sent = send::<E>(source, target).await?;
    let mut arrived = Sum::default();
    let mut rows = E::find().stream(target).await?;
    while let Some(row) = rows.try_next().await? {
        arrived.add(&row);
    }
    if sent != arrived {
        return Err(CopyError::Differs {
            table: name,
            sent: sent.rows,
            arrived: arrived.rows,
        });
    }
    Ok(CopiedTable {
        name,
        rows: sent.rows,
    })
}

async fn send<E>(
    source: &DatabaseTransaction,
    target: &DatabaseTransaction,
) -> Result<Sum, CopyError>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel> + ModelTrait<Entity = E>,
    E::ActiveModel: ActiveModelTrait<Entity = E> + Send,
{
    let most = (MOST_VALUES / E::Column::iter().count().max(1)).min(MOST_ROWS);
    let (mut sent, mut batch, mut bytes) = (Sum::default(), Vec::new(), 0);
    let mut rows = E::find().stream(source).await?;
    while let Some(row) = rows.try_next().await? {
        bytes += sent.add(&row);
        // All values are set: a number that the database would count is the row's own here.
        batch.push(row.into_active_model().reset_all());
        if batch.len() >= most || bytes >= MOST_BYTES {
            insert::<E>(std::mem::take(&mut batch), target).await?;
            bytes = 0;
        }
    }
    insert::<E>(batch, target).await?;
    Ok(sent)
}

async fn insert<E>(
    batch: Vec<E::ActiveModel>,
    target: &DatabaseTransaction,
) -> Result<(), CopyError>
where
    E: EntityTrait,
    E::ActiveModel: ActiveModelTrait<Entity = E> + Send,
{
    if !batch.is_empty() {
        E::insert_many(batch).exec_without_returning(target).await?;
    }
    Ok(())
}
