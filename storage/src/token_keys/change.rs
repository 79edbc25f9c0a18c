//! Adds and retires keys. Every node reads them anew within a second.

use portolan_domain::token::{TokenKeyPair, TokenKind};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    Set, sea_query::Expr,
};

use super::{KeyListing, KeyState, RETIRED, RETIRING, read::listing};
use crate::{
    audit::{Actor, Event},
    entity::signing_keys,
    error::{Result, StorageError, is_duplicate},
    generation::signing_keys_changed,
    seal::SealingKey,
    signing_keys::{ACTIVE, place},
    store::Store,
    times,
};

/// What becomes of the key that signs today where another one comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyTurn {
    /// It stays, and the new one is dropped: a key was needed, and now there is one.
    IfNone,
    /// The new one signs from now on; that one verifies until it is retired.
    Add,
    /// The same, as the audit log knows a rotation. Without a key before it, it is refused.
    Rotate,
}

impl Store {
    /// Makes this the key that signs tokens of this kind. Whether it is: with [`KeyTurn::IfNone`]
    /// another node's may have come first.
    ///
    /// # Errors
    /// [`StorageError::Taken`] where the key is here already, for this or another purpose;
    /// [`StorageError::NotFound`] where there is nothing to rotate.
    pub async fn add_token_key(
        &self,
        kind: TokenKind,
        key: &TokenKeyPair,
        turn: KeyTurn,
        by: &Actor,
    ) -> Result<bool> {
        let transaction = self.write().await?;
        // The row of the generation is locked from here on: of two nodes the second sees the first's key.
        signing_keys_changed(&transaction).await?;
        let before = signs_today(&transaction, kind).await?;
        match (turn, before) {
            (KeyTurn::IfNone, Some(_)) => {
                transaction.rollback().await?;
                return Ok(false);
            }
            (KeyTurn::Rotate, None) => {
                return Err(StorageError::NotFound {
                    what: "signing key of the purpose",
                    name: kind.as_str().to_owned(),
                });
            }
            (_, Some(_)) => step_back(&transaction, kind).await?,
            (_, None) => {}
        }
        let instance = self.instance_key(&*transaction).await?;
        insert(&transaction, &instance, kind, key, by).await?;
        transaction.commit(event(kind, key, turn, by)).await?;
        Ok(true)
    }

    /// Ends a key that signs or verifies tokens: from now on it does neither, and its secret is gone. One
    /// that has ended already stays so.
    ///
    /// # Errors
    /// [`StorageError::NotFound`]; [`StorageError::InUse`] where it signs manifests.
    pub async fn retire_token_key(&self, kid: &str, by: &Actor) -> Result<KeyListing> {
        let transaction = self.write().await?;
        signing_keys_changed(&transaction).await?;
        let row = signing_keys::Entity::find_by_id(kid)
            .one(&*transaction)
            .await?
            .ok_or_else(|| StorageError::NotFound {
                what: "signing key",
                name: kid.to_owned(),
            })?;
        if TokenKind::from_name(&row.purpose).is_none() {
            return Err(StorageError::InUse {
                what: "signing key",
                name: kid.to_owned(),
                by: "others have its certificate, and verify by it: instances downstream manifests, \
                     registries the keys that sign their tokens"
                    .to_owned(),
            });
        }
        let was = listing(row.clone())?;
        if was.state == KeyState::Retired {
            transaction.rollback().await?;
            return Ok(was);
        }
        let mut change = row.into_active_model();
        change.state = Set(RETIRED.to_owned());
        change.key_sealed = Set(Vec::new());
        change.update(&*transaction).await?;
        let detail = format!(
            "{} {}, which was {}",
            was.purpose,
            was.algorithm,
            was.state.as_str()
        );
        let event = by.did("signing-key.retire").on(kid).detail(detail);
        transaction.commit(event).await?;
        Ok(KeyListing {
            state: KeyState::Retired,
            ..was
        })
    }
}

async fn signs_today(
    transaction: &DatabaseTransaction,
    kind: TokenKind,
) -> Result<Option<signing_keys::Model>> {
    let row = signing_keys::Entity::find()
        .filter(signing_keys::Column::Purpose.eq(kind.as_str()))
        .filter(signing_keys::Column::State.eq(ACTIVE))
        .one(transaction);
    Ok(row.await?)
}

/// The key that signs today only verifies from now on.
async fn step_back(transaction: &DatabaseTransaction, kind: TokenKind) -> Result<()> {
    signing_keys::Entity::update_many()
        .col_expr(signing_keys::Column::State, Expr::value(RETIRING))
        .filter(signing_keys::Column::Purpose.eq(kind.as_str()))
        .filter(signing_keys::Column::State.eq(ACTIVE))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn insert(
    transaction: &DatabaseTransaction,
    instance: &SealingKey,
    kind: TokenKind,
    key: &TokenKeyPair,
    by: &Actor,
) -> Result<()> {
    let row = signing_keys::ActiveModel {
        key_sealed: Set(instance.seal(key.secret.expose(), place(&key.kid))?),
        algorithm: Set(key.algorithm.as_str().to_owned()),
        purpose: Set(kind.as_str().to_owned()),
        state: Set(ACTIVE.to_owned()),
        created_at: Set(times::kept(by.at)),
        public_pem: Set(key.public_pem.clone()),
        not_after: Set(None),
        kid: Set(key.kid.clone()),
    };
    match row.insert(transaction).await {
        Ok(_) => Ok(()),
        Err(error) if is_duplicate(&error) => Err(StorageError::Taken {
            what: "signing key",
            name: key.kid.clone(),
        }),
        Err(error) => Err(error.into()),
    }
}

fn event(kind: TokenKind, key: &TokenKeyPair, turn: KeyTurn, by: &Actor) -> Event {
    let action = match turn {
        KeyTurn::IfNone | KeyTurn::Add => "signing-key.create",
        KeyTurn::Rotate => "signing-key.rotate",
    };
    let detail = format!("{} {}", kind.as_str(), key.algorithm.as_str());
    by.did(action).on(&*key.kid).detail(detail)
}
