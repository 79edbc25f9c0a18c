//! What the master key seals: each owner's data key, the instance's own data key, and the value that
//! proves the master key right.

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, EntityTrait, QuerySelect, Set, sea_query::LockType,
};

use crate::{
    entity::{instance_secrets, owners},
    error::{Result, StorageError},
    seal::{Place, SealingKey},
    store::Store,
};

/// The instance secret that proves the master key right.
pub(crate) const PROOF: &str = "master-key-proof";
/// The instance's data key: it seals what belongs to no owner, and keeps the audit log.
const DATA_KEY: &str = "data-key";

/// Where an instance secret belongs.
pub(crate) const fn place(name: &str) -> Place<'_> {
    Place {
        table: "instance_secrets",
        owner: 0,
        row: name,
    }
}

/// The data key is made before the row has a number, so its place is named by the owner's key,
/// which never changes.
pub(crate) const fn data_key_place(owner_key: &str) -> Place<'_> {
    Place {
        table: "owners",
        owner: 0,
        row: owner_key,
    }
}

impl Store {
    /// Proves that this master key is the one that the database was sealed with.
    pub(crate) async fn prove_master_key(&self, transaction: &DatabaseTransaction) -> Result<()> {
        if let Some(proof) = find(transaction, PROOF).await? {
            return self.sealing_master(&proof).map(drop);
        }
        let sealed = self.master.newest().seal(b"portolan", place(PROOF))?;
        insert(transaction, PROOF, sealed).await
    }

    /// The master key that seals today: the one that opens the proof.
    pub(crate) fn sealing_master(&self, proof: &instance_secrets::Model) -> Result<SealingKey> {
        self.master
            .opening(&proof.sealed, place(PROOF))
            .map(|(key, _)| key)
            .map_err(|_| {
                let why = "this database was sealed with another master key; \
                           give the one that it is sealed with today (secrets.master_key_file); \
                           those that a rotation replaced are beside it, as *.before-*";
                StorageError::MasterKey(why.to_owned())
            })
    }

    /// Makes the instance's data key where there is none.
    pub(crate) async fn make_instance_key(&self, transaction: &DatabaseTransaction) -> Result<()> {
        if find(transaction, DATA_KEY).await?.is_none() {
            let master = self.todays_master(transaction).await?;
            let key = SealingKey::generate()?;
            let sealed = master.seal(key.as_bytes(), place(DATA_KEY))?;
            insert(transaction, DATA_KEY, sealed).await?;
        }
        self.instance_key(transaction).await.map(drop)
    }

    /// The instance's data key.
    pub(crate) async fn instance_key(
        &self,
        connection: &impl ConnectionTrait,
    ) -> Result<SealingKey> {
        if let Some(key) = self.instance.get() {
            return Ok(key.clone());
        }
        let corrupt = || StorageError::Corrupt {
            table: "instance_secrets",
            column: "sealed",
            row: DATA_KEY.to_owned(),
        };
        let row = find(connection, DATA_KEY).await?.ok_or_else(corrupt)?;
        let (_, bytes) = self.master.opening(&row.sealed, place(DATA_KEY))?;
        let key = SealingKey::from_bytes(&bytes).ok_or_else(corrupt)?;
        Ok(self.instance.get_or_init(|| key).clone())
    }

    /// A new data key, sealed for the owner with this key. The proof is held until the commit, so
    /// that no rotation of the master key passes the new row by.
    pub(crate) async fn new_data_key(
        &self,
        transaction: &DatabaseTransaction,
        owner_key: &str,
    ) -> Result<Vec<u8>> {
        let master = self.todays_master(transaction).await?;
        let key = SealingKey::generate()?;
        master.seal(key.as_bytes(), data_key_place(owner_key))
    }

    async fn todays_master(&self, transaction: &DatabaseTransaction) -> Result<SealingKey> {
        let proof = instance_secrets::Entity::find_by_id(PROOF)
            .lock(LockType::Share)
            .one(transaction)
            .await?;
        let proof = proof.ok_or_else(|| StorageError::Corrupt {
            table: "instance_secrets",
            column: "name",
            row: PROOF.to_owned(),
        })?;
        self.sealing_master(&proof)
    }

    /// The key that seals what belongs to this owner.
    pub(crate) fn data_key(&self, owner: &owners::Model) -> Result<SealingKey> {
        self.opened_data_key(&owner.key, &owner.data_key_sealed)
    }

    /// The same, from its columns.
    pub(crate) fn opened_data_key(&self, owner: &str, sealed: &[u8]) -> Result<SealingKey> {
        let (_, bytes) = self.master.opening(sealed, data_key_place(owner))?;
        SealingKey::from_bytes(&bytes).ok_or_else(|| StorageError::Corrupt {
            table: "owners",
            column: "data_key_sealed",
            row: owner.to_owned(),
        })
    }
}

async fn find(
    connection: &impl ConnectionTrait,
    name: &str,
) -> Result<Option<instance_secrets::Model>> {
    Ok(instance_secrets::Entity::find_by_id(name)
        .one(connection)
        .await?)
}

async fn insert(transaction: &DatabaseTransaction, name: &str, sealed: Vec<u8>) -> Result<()> {
    let row = instance_secrets::ActiveModel {
        name: Set(name.to_owned()),
        sealed: Set(sealed),
    };
    instance_secrets::Entity::insert(row)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}
