//! Credentials: API keys, OAuth consumers and client certificates, with what each may do.
//!
//! Only the SHA-256 of an API key is kept: it is a random secret of 256 bits, so nothing slower is
//! needed, and a database thief learns nothing that opens a door.

mod create;
mod identity;
mod role;
mod uses;

use std::collections::BTreeSet;

use portolan_domain::ids::OwnerKey;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use time::OffsetDateTime;
use uuid::Uuid;

pub use create::NewCredential;
pub use identity::{CredentialKind, Identity, Lookup, SharedSecret};
pub use role::Role;

use crate::{
    audit::{Actor, Event},
    entity::{api_key_owners, api_keys, owners},
    error::{Result, StorageError},
    generation::credentials_changed,
    seal::Place,
    store::Store,
};

/// A credential as it is listed: never with its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its number.
    pub id: Uuid,
    /// Its name, by which it is revoked.
    pub name: String,
    /// Its kind.
    pub kind: CredentialKind,
    /// What people know it by: consumer key, fingerprint or subject; none of an API key.
    pub identifier: Option<String>,
    /// What it may do.
    pub role: Role,
    /// The owners it is bound to; empty means all.
    pub owners: Vec<OwnerKey>,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// From when on it counts no more.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<OffsetDateTime>,
}

impl Credential {
    /// Whether it still counts.
    #[must_use]
    pub fn counts_at(&self, now: OffsetDateTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl Store {
    /// The credential that this finds, if there is one, and an OAuth consumer's secret with it.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn credential(
        &self,
        lookup: Lookup,
    ) -> Result<Option<(Credential, Option<SharedSecret>)>> {
        let row = api_keys::Entity::find()
            .filter(api_keys::Column::SecretSha256.eq(lookup.sha256.to_string()))
            .filter(api_keys::Column::Kind.eq(lookup.kind.as_str()))
            .one(&self.database)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let secret = self.open_secret(&row).await?;
        let credential = load(&self.database, row).await?;
        Ok(credential.map(|credential| (credential, secret)))
    }

    async fn open_secret(&self, row: &api_keys::Model) -> Result<Option<SharedSecret>> {
        let Some(sealed) = &row.secret_sealed else {
            return Ok(None);
        };
        let key = self.instance_key(&self.database).await?;
        let bytes = key.open(sealed, secret_place(&row.id.to_string()))?;
        let text = String::from_utf8(bytes.to_vec());
        let text = text.map_err(|_| corrupt(row, "secret_sealed"))?;
        Ok(Some(SharedSecret::new(text)))
    }

    /// All credentials, by name.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn credentials(&self) -> Result<Vec<Credential>> {
        let rows = api_keys::Entity::find()
            .order_by_asc(api_keys::Column::Name)
            .all(&self.database)
            .await?;
        let mut credentials = Vec::with_capacity(rows.len());
        for row in rows {
            credentials.extend(load(&self.database, row).await?);
        }
        Ok(credentials)
    }

    /// Revokes a credential: it is gone.
    ///
    /// # Errors
    /// [`StorageError::NotFound`].
    pub async fn revoke_credential(&self, name: &str, by: &Actor) -> Result<()> {
        let transaction = self.write().await?;
        let row = api_keys::Entity::find()
            .filter(api_keys::Column::Name.eq(name))
            .one(&*transaction)
            .await?;
        let row = row.ok_or_else(|| StorageError::NotFound {
            what: "credential",
            name: name.to_owned(),
        })?;
        let id = row.id;
        let found = load(&*transaction, row).await?;
        let owners = found.map(|found| found.owners).unwrap_or_default();
        api_keys::Entity::delete_by_id(id)
            .exec(&*transaction)
            .await?;
        credentials_changed(&transaction).await?;
        let event = by.did("credential.revoke").on(name);
        transaction.commit_all(for_each_owner(event, &owners)).await
    }
}

/// A row for each owner that a credential is bound to: their auditors see it, too.
fn for_each_owner(event: Event, owners: &[OwnerKey]) -> Vec<Event> {
    let distinct: BTreeSet<_> = owners.iter().collect();
    if distinct.is_empty() {
        return vec![event];
    }
    let of_owner = |owner: &OwnerKey| event.clone().of_owner(owner);
    distinct.into_iter().map(of_owner).collect()
}

fn secret_place(row: &str) -> Place<'_> {
    Place {
        table: "api_keys",
        owner: 0,
        row,
    }
}

fn corrupt(row: &api_keys::Model, column: &'static str) -> StorageError {
    StorageError::Corrupt {
        table: "api_keys",
        column,
        row: row.name.clone(),
    }
}

/// The credential with its owners. The rows are read one after the other: a bound one without an
/// owner is one that is being revoked just now, and is none.
async fn load(
    connection: &impl ConnectionTrait,
    row: api_keys::Model,
) -> Result<Option<Credential>> {
    let bound = api_key_owners::Entity::find()
        .filter(api_key_owners::Column::ApiKeyId.eq(row.id))
        .all(connection)
        .await?;
    let ids = bound.iter().map(|bound| bound.owner_id);
    let owners = owners::Entity::find()
        .filter(owners::Column::Id.is_in(ids))
        .order_by_asc(owners::Column::Key)
        .all(connection)
        .await?;
    let keys: Option<Vec<OwnerKey>> = owners.iter().map(|owner| owner.key.parse().ok()).collect();
    let keys = keys.ok_or_else(|| corrupt(&row, "owners"))?;
    if row.bound == keys.is_empty() {
        return Ok(None);
    }
    let role = Role::from_name(&row.role).ok_or_else(|| corrupt(&row, "role"))?;
    let kind = CredentialKind::from_name(&row.kind).ok_or_else(|| corrupt(&row, "kind"))?;
    Ok(Some(Credential {
        id: row.id,
        role,
        kind,
        owners: keys,
        name: row.name,
        identifier: row.identifier,
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
    }))
}
