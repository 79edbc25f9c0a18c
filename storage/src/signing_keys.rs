//! The keys that this instance signs manifests with, sealed by its data key. Each has one algorithm and
//! one purpose; of each there is one that signs. Those of tokens are in `token_keys`.

use portolan_domain::secret::PrivateKeyPem;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, Set};
use time::OffsetDateTime;

use crate::{
    audit::Actor,
    entity::signing_keys,
    error::{Result, StorageError, is_duplicate},
    seal::Place,
    store::Store,
    times,
};

/// What a key signs, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningPurpose {
    /// Manifests: a CA's key.
    Manifest,
    /// Certificates of the keys that sign tokens for registries: a CA's key.
    RegistryCa,
}

/// The state of the key of a purpose and algorithm that signs today.
pub(crate) const ACTIVE: &str = "active";

/// A new key.
#[derive(Debug)]
pub struct NewSigningKey {
    /// Its id: SHA-256 of its public key, in hex.
    pub kid: String,
    /// Its algorithm's canonical name.
    pub algorithm: &'static str,
    /// The public part, PEM: of a CA its certificate.
    pub public_pem: String,
    /// Until when that is valid.
    pub not_after: OffsetDateTime,
    /// The private part.
    pub key: PrivateKeyPem,
}

/// What everybody may know of a key that signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Its id.
    pub kid: String,
    /// Its algorithm's name.
    pub algorithm: String,
    /// The public part, PEM.
    pub public_pem: String,
}

impl SigningPurpose {
    /// The purpose's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::RegistryCa => "registry-ca",
        }
    }
}

pub(crate) fn place(kid: &str) -> Place<'_> {
    Place {
        table: "signing_keys",
        owner: 0,
        row: kid,
    }
}

pub(crate) fn corrupt(column: &'static str, kid: &str) -> StorageError {
    StorageError::Corrupt {
        table: "signing_keys",
        column,
        row: kid.to_owned(),
    }
}

impl Store {
    /// The keys of a purpose that sign today.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn signing_keys(&self, purpose: SigningPurpose) -> Result<Vec<SigningKey>> {
        let rows = active(purpose).all(&self.database).await?;
        rows.into_iter()
            .map(|row| {
                let public_pem = row
                    .public_pem
                    .ok_or_else(|| corrupt("public_pem", &row.kid));
                Ok(SigningKey {
                    public_pem: public_pem?,
                    kid: row.kid,
                    algorithm: row.algorithm,
                })
            })
            .collect()
    }

    /// The private part of a key that signs today.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where it does not any more.
    pub async fn signing_secret(
        &self,
        purpose: SigningPurpose,
        kid: &str,
    ) -> Result<PrivateKeyPem> {
        let row = active(purpose)
            .filter(signing_keys::Column::Kid.eq(kid))
            .one(&self.database)
            .await?
            .ok_or_else(|| StorageError::NotFound {
                what: "signing key",
                name: kid.to_owned(),
            })?;
        let instance = self.instance_key(&self.database).await?;
        let bytes = instance.open(&row.key_sealed, place(kid))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| corrupt("key_sealed", kid))?;
        Ok(PrivateKeyPem::new(text.to_owned()))
    }

    /// Stores new keys, all or none. Where another node has made one of the same purpose and
    /// algorithm meanwhile, none is stored: the other's count.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn add_signing_keys(
        &self,
        purpose: SigningPurpose,
        keys: Vec<NewSigningKey>,
        by: &Actor,
    ) -> Result<()> {
        let transaction = self.write().await?;
        let instance = self.instance_key(&*transaction).await?;
        let mut events = Vec::new();
        for key in keys {
            let secret = key.key.expose().as_bytes();
            let row = signing_keys::ActiveModel {
                key_sealed: Set(instance.seal(secret, place(&key.kid))?),
                algorithm: Set(key.algorithm.to_owned()),
                purpose: Set(purpose.as_str().to_owned()),
                state: Set(ACTIVE.to_owned()),
                created_at: Set(times::kept(by.at)),
                public_pem: Set(Some(key.public_pem)),
                not_after: Set(Some(times::kept(key.not_after))),
                kid: Set(key.kid.clone()),
            };
            match row.insert(&*transaction).await {
                Ok(_) => {
                    let event = by.did("signing-key.create").on(key.kid);
                    let detail = format!("{} {}", purpose.as_str(), key.algorithm);
                    events.push(event.detail(detail));
                }
                Err(error) if is_duplicate(&error) => return transaction.rollback().await,
                Err(error) => return Err(error.into()),
            }
        }
        transaction.commit_all(events).await
    }
}

fn active(purpose: SigningPurpose) -> sea_orm::Select<signing_keys::Entity> {
    signing_keys::Entity::find()
        .filter(signing_keys::Column::Purpose.eq(purpose.as_str()))
        .filter(signing_keys::Column::State.eq(ACTIVE))
}
