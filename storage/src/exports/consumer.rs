//! What an owner is called in what is exported of it: made once, and kept.

use portolan_domain::ids::{ConsumerUuid, OwnerKey};
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, Set};
use uuid::Uuid;

use crate::{
    audit::Actor,
    entity::exported_consumers,
    error::{Result, StorageError, is_duplicate},
    store::Store,
    times,
};

impl Store {
    /// The uuid of the consumer that the owner's exports are of. A second export bears the same, so
    /// that it is no other distributor to whoever imports it.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner.
    pub async fn exported_consumer(&self, owner: &OwnerKey, by: &Actor) -> Result<ConsumerUuid> {
        let row = self.owner_row(&self.database, owner).await?;
        if let Some(uuid) = find(&self.database, row.id).await? {
            return Ok(uuid);
        }
        let transaction = self.write().await?;
        // Random (RFC 9562, version 4): it tells those downstream nothing of this instance.
        let made = exported_consumers::ActiveModel {
            owner_id: Set(row.id),
            uuid: Set(random_uuid()?.to_string()),
            created_at: Set(times::kept(by.at)),
        };
        match made.insert(&*transaction).await {
            Ok(made) => {
                let event = by.did("exported-consumer.create").of_owner(owner);
                transaction.commit(event.on(&made.uuid)).await?;
                read(&made)
            }
            // Another export was first.
            Err(error) if is_duplicate(&error) => {
                transaction.rollback().await?;
                let winner = find(&self.database, row.id).await?;
                winner.ok_or(StorageError::Unavailable(error))
            }
            Err(error) => Err(error.into()),
        }
    }
}

async fn find(connection: &impl ConnectionTrait, owner: i64) -> Result<Option<ConsumerUuid>> {
    let row = exported_consumers::Entity::find_by_id(owner);
    row.one(connection).await?.as_ref().map(read).transpose()
}

fn read(row: &exported_consumers::Model) -> Result<ConsumerUuid> {
    row.uuid.parse().map_err(|_| StorageError::Corrupt {
        table: "exported_consumers",
        column: "uuid",
        row: row.owner_id.to_string(),
    })
}

fn random_uuid() -> Result<Uuid> {
    let mut bytes = [0; 16];
    openssl::rand::rand_bytes(&mut bytes).map_err(StorageError::Seal)?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}
