//! Creates a credential.

use std::collections::BTreeSet;

use portolan_domain::ids::OwnerKey;
use sea_orm::{ActiveModelTrait, Set};
use time::OffsetDateTime;

use super::{Credential, Identity, Role, for_each_owner, load, secret_place};
use crate::{
    audit::Actor,
    entity::{api_key_owners, api_keys},
    error::{Result, StorageError, is_duplicate},
    generation::credentials_changed,
    ids::new_id,
    store::Store,
    times,
};

/// A credential to be stored.
pub struct NewCredential<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is known by.
    pub identity: Identity<'a>,
    /// What it may do.
    pub role: Role,
    /// The owners it is bound to; empty means all.
    pub owners: &'a [OwnerKey],
    /// From when on it counts no more; none for never.
    pub expires_at: Option<OffsetDateTime>,
}

impl Store {
    /// Stores a credential.
    ///
    /// # Errors
    /// [`StorageError::Taken`] where the name is, or what it is known by; [`StorageError::NotFound`]
    /// for an unknown owner.
    pub async fn create_credential(
        &self,
        new: &NewCredential<'_>,
        by: &Actor,
    ) -> Result<Credential> {
        let transaction = self.write().await?;
        let id = new_id();
        let secret_sealed = match new.identity {
            Identity::OAuth { secret, .. } => {
                let key = self.instance_key(&*transaction).await?;
                let place = id.to_string();
                Some(key.seal(secret.as_bytes(), secret_place(&place))?)
            }
            _ => None,
        };
        let lookup = new.identity.lookup();
        let row = api_keys::ActiveModel {
            id: Set(id),
            name: Set(new.name.to_owned()),
            role: Set(new.role.as_str().to_owned()),
            secret_sha256: Set(lookup.sha256.to_string()),
            created_at: Set(times::kept(by.at)),
            bound: Set(!new.owners.is_empty()),
            kind: Set(lookup.kind.as_str().to_owned()),
            identifier: Set(new.identity.shown()),
            secret_sealed: Set(secret_sealed),
            expires_at: Set(new.expires_at.map(times::kept)),
            last_used_at: Set(None),
        };
        let row = row.insert(&*transaction).await.map_err(|error| {
            if is_duplicate(&error) {
                taken(new)
            } else {
                error.into()
            }
        })?;
        let distinct: BTreeSet<_> = new.owners.iter().collect();
        for owner in distinct {
            let owner = self.owner_row(&*transaction, owner).await?;
            let bound = api_key_owners::ActiveModel {
                api_key_id: Set(id),
                owner_id: Set(owner.id),
            };
            bound.insert(&*transaction).await?;
        }
        credentials_changed(&transaction).await?;
        let stored = load(&*transaction, row).await?;
        let kind = lookup.kind.as_str();
        let detail = format!("{kind} with the role {}", new.role.as_str());
        let event = by.did("credential.create").on(new.name).detail(detail);
        transaction
            .commit_all(for_each_owner(event, new.owners))
            .await?;
        stored.ok_or_else(|| StorageError::NotFound {
            what: "credential",
            name: new.name.to_owned(),
        })
    }
}

fn taken(new: &NewCredential<'_>) -> StorageError {
    let name = match new.identity.shown() {
        Some(shown) => format!("{} ({shown})", new.name),
        None => new.name.to_owned(),
    };
    let what = "credential";
    StorageError::Taken { what, name }
}
