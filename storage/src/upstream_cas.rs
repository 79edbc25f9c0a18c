//! Trust anchors that were added over REST or the command line.

use std::collections::BTreeSet;

use portolan_domain::{
    ids::{CaFilename, OwnerKey},
    trust::AnchorSettings,
};
use sea_orm::{ActiveModelTrait, EntityTrait, QueryOrder, Set};

use crate::{
    audit::Actor,
    entity::upstream_cas,
    error::{Result, StorageError, is_duplicate},
    store::Store,
    times,
};

/// A stored CA: a file that happens to live in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCa {
    /// Its name.
    pub filename: CaFilename,
    /// Its certificates.
    pub pem: String,
    /// Its settings.
    pub settings: AnchorSettings,
}

impl Store {
    /// Adds a CA.
    ///
    /// # Errors
    /// [`StorageError::Taken`] where the name is.
    pub async fn add_upstream_ca(&self, ca: &StoredCa, by: &Actor) -> Result<()> {
        let owners = ca.settings.owners.as_ref();
        let owners = owners
            .map(serde_json::to_string)
            .transpose()
            .map_err(|_| corrupt(ca))?;
        let row = upstream_cas::ActiveModel {
            filename: Set(ca.filename.to_string()),
            pem: Set(ca.pem.clone()),
            require_scheme: Set(ca.settings.require_scheme),
            owners: Set(owners),
            created_at: Set(times::kept(by.at)),
        };
        let transaction = self.write().await?;
        match row.insert(&*transaction).await {
            Ok(_) => {
                let event = by.did("upstream-ca.create").on(ca.filename.as_str());
                transaction.commit(event).await
            }
            Err(error) if is_duplicate(&error) => {
                let (what, name) = ("upstream CA", ca.filename.to_string());
                Err(StorageError::Taken { what, name })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// All stored CAs, by name.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn upstream_cas(&self) -> Result<Vec<StoredCa>> {
        let rows = upstream_cas::Entity::find()
            .order_by_asc(upstream_cas::Column::Filename)
            .all(&self.database)
            .await?;
        rows.into_iter().map(from_row).collect()
    }

    /// Removes a CA; says whether there was one.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn remove_upstream_ca(&self, filename: &CaFilename, by: &Actor) -> Result<bool> {
        let transaction = self.write().await?;
        let removed = upstream_cas::Entity::delete_by_id(filename.as_str())
            .exec(&*transaction)
            .await?;
        if removed.rows_affected == 0 {
            return Ok(false);
        }
        let event = by.did("upstream-ca.delete").on(filename.as_str());
        transaction.commit(event).await?;
        Ok(true)
    }
}

fn corrupt(ca: &StoredCa) -> StorageError {
    StorageError::Corrupt {
        table: "upstream_cas",
        column: "owners",
        row: ca.filename.to_string(),
    }
}

fn from_row(row: upstream_cas::Model) -> Result<StoredCa> {
    let corrupt = |column| StorageError::Corrupt {
        table: "upstream_cas",
        column,
        row: row.filename.clone(),
    };
    let owners = row
        .owners
        .as_deref()
        .map(serde_json::from_str::<BTreeSet<OwnerKey>>);
    Ok(StoredCa {
        filename: row.filename.parse().map_err(|_| corrupt("filename"))?,
        settings: AnchorSettings {
            require_scheme: row.require_scheme,
            owners: owners.transpose().map_err(|_| corrupt("owners"))?,
        },
        pem: row.pem,
    })
}
