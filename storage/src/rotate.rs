//! Replaces the master key while everything runs: what it seals is sealed anew, in one transaction.

use std::path::PathBuf;

use sea_orm::{
    ActiveModelTrait, ActiveValue::Unchanged, DatabaseTransaction, EntityTrait, QueryOrder,
    QuerySelect, Set, sea_query::LockType,
};

use crate::{
    audit::Actor,
    entity::{instance_secrets, owners},
    error::{Result, StorageError},
    instance::{PROOF, data_key_place, place},
    seal::{Place, SealingKey},
    store::Store,
};

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Keys that were sealed anew.
    pub resealed: u64,
    /// Where the old master key went: copies of the database from before still need it.
    pub before: Option<PathBuf>,
}

impl Store {
    /// Puts a new master key into the file, before the one that still counts. Nodes with a file of
    /// their own get this file before [`Store::rotate_master_key`].
    ///
    /// # Errors
    /// [`StorageError::MasterKey`] where the file cannot be replaced.
    pub async fn prepare_master_key(&self) -> Result<()> {
        let _lock = self.lock_master_key().await?;
        self.prepare().await
    }

    /// Seals everything by a new master key, and leaves that one alone in the file. Stopped half-way,
    /// it can be done again: the file always holds the key that counts.
    ///
    /// # Errors
    /// [`StorageError`]; nothing is sealed anew then.
    pub async fn rotate_master_key(&self, by: &Actor) -> Result<Rotation> {
        // Of two rotations on one machine, the second begins where the first one ended.
        let _lock = self.lock_master_key().await?;
        self.prepare().await?;
        let transaction = self.write().await?;
        let proof = instance_secrets::Entity::find_by_id(PROOF)
            // Nobody makes a data key under the old one while this runs.
            .lock(LockType::Update)
            .one(&*transaction)
            .await?;
        let proof = proof.ok_or_else(|| StorageError::Corrupt {
            table: "instance_secrets",
            column: "name",
            row: PROOF.to_owned(),
        })?;
        let keys = Keys {
            old: self.sealing_master(&proof)?,
            new: self.master.newest(),
        };
        let resealed =
            keys.reseal_instance(&transaction).await? + keys.reseal_owners(&transaction).await?;
        let event = by.did("master-key.rotate");
        let event = event.detail(format!("{resealed} keys were sealed anew"));
        transaction.commit(event).await?;
        let before = self.master.drop_older(&keys.new)?;
        Ok(Rotation { resealed, before })
    }

    async fn lock_master_key(&self) -> Result<std::fs::File> {
        let master = self.master.clone();
        // Another program may hold it for as long as its rotation takes.
        let locked = tokio::task::spawn_blocking(move || {
            let lock = master.lock()?;
            master.reread()?;
            Ok(lock)
        });
        locked.await.unwrap_or_else(|_| {
            Err(StorageError::MasterKey(
                "the master key file could not be locked".to_owned(),
            ))
        })
    }

    async fn prepare(&self) -> Result<()> {
        if !self.is_prepared().await? {
            self.master.add_newest()?;
        }
        Ok(())
    }

    /// Whether the file holds a key that is newer than the one that counts.
    async fn is_prepared(&self) -> Result<bool> {
        let proof = instance_secrets::Entity::find_by_id(PROOF)
            .one(&self.database)
            .await?;
        let Some(proof) = proof else { return Ok(false) };
        let counts = self.sealing_master(&proof)?;
        Ok(counts.as_bytes() != self.master.newest().as_bytes())
    }
}

struct Keys {
    old: SealingKey,
    new: SealingKey,
}

impl Keys {
    fn reseal(&self, sealed: &[u8], place: Place<'_>) -> Result<Vec<u8>> {
        self.new.seal(&self.old.open(sealed, place)?, place)
    }

    async fn reseal_instance(&self, transaction: &DatabaseTransaction) -> Result<u64> {
        let secrets = instance_secrets::Entity::find().all(transaction).await?;
        let count = secrets.len() as u64;
        for secret in secrets {
            let change = instance_secrets::ActiveModel {
                sealed: Set(self.reseal(&secret.sealed, place(&secret.name))?),
                name: Unchanged(secret.name),
            };
            change.update(transaction).await?;
        }
        Ok(count)
    }

    /// The rows are locked as they are read: an owner whose import is under way is waited for.
    async fn reseal_owners(&self, transaction: &DatabaseTransaction) -> Result<u64> {
        let rows: Vec<(i64, String, Vec<u8>)> = owners::Entity::find()
            .select_only()
            .columns([
                owners::Column::Id,
                owners::Column::Key,
                owners::Column::DataKeySealed,
            ])
            .order_by_asc(owners::Column::Id)
            .lock(LockType::NoKeyUpdate)
            .into_tuple()
            .all(transaction)
            .await?;
        let count = rows.len() as u64;
        for (id, key, sealed) in rows {
            let change = owners::ActiveModel {
                id: Unchanged(id),
                data_key_sealed: Set(self.reseal(&sealed, data_key_place(&key))?),
                ..Default::default()
            };
            change.update(transaction).await?;
        }
        Ok(count)
    }
}
