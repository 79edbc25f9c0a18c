//! Reads keys: with their secrets for who signs and verifies, without them for people.

use portolan_domain::token::{TokenAlgorithm, TokenKind, TokenSecret};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{KeyListing, KeyState, RETIRED, TokenKey, TokenKeys};
use crate::{
    entity::signing_keys,
    error::Result,
    seal::SealingKey,
    signing_keys::{ACTIVE, corrupt, place},
    store::Store,
};

impl Store {
    /// The keys that verify tokens today, the newest first, with the secrets of those that need them.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError).
    pub async fn token_keys(&self) -> Result<TokenKeys> {
        // Before the keys: what changes while they are read is then read again.
        let generation = self.generations().await?.signing_keys;
        let kinds = TokenKind::ALL.map(TokenKind::as_str);
        let rows = signing_keys::Entity::find()
            .filter(signing_keys::Column::Purpose.is_in(kinds))
            .filter(signing_keys::Column::State.ne(RETIRED))
            .order_by_desc(signing_keys::Column::CreatedAt)
            .order_by_asc(signing_keys::Column::Kid)
            .all(&self.database)
            .await?;
        let instance = self.instance_key(&self.database).await?;
        let keys = rows.into_iter().map(|row| key(row, &instance));
        Ok(TokenKeys {
            generation,
            keys: keys.collect::<Result<_>>()?,
        })
    }

    /// All keys that sign, or did, the newest first, without their secrets.
    ///
    /// # Errors
    /// [`StorageError`](crate::StorageError).
    pub async fn list_signing_keys(&self) -> Result<Vec<KeyListing>> {
        let rows = signing_keys::Entity::find()
            .order_by_desc(signing_keys::Column::CreatedAt)
            .order_by_asc(signing_keys::Column::Kid)
            .all(&self.database)
            .await?;
        rows.into_iter().map(listing).collect()
    }
}

fn key(row: signing_keys::Model, instance: &SealingKey) -> Result<TokenKey> {
    let corrupt = |column| corrupt(column, &row.kid);
    let kind = TokenKind::from_name(&row.purpose).ok_or_else(|| corrupt("purpose"))?;
    let algorithm = TokenAlgorithm::from_name(&row.algorithm);
    let algorithm = algorithm.ok_or_else(|| corrupt("algorithm"))?;
    let is_active = row.state == ACTIVE;
    let secret = if is_active || algorithm == TokenAlgorithm::Hs256 {
        let bytes = instance.open(&row.key_sealed, place(&row.kid))?;
        Some(TokenSecret::new(bytes.to_vec()))
    } else {
        None
    };
    Ok(TokenKey {
        kind,
        algorithm,
        public_pem: row.public_pem,
        secret,
        is_active,
        kid: row.kid,
    })
}

pub(super) fn listing(row: signing_keys::Model) -> Result<KeyListing> {
    let state = KeyState::from_name(&row.state).ok_or_else(|| corrupt("state", &row.kid))?;
    Ok(KeyListing {
        kid: row.kid,
        purpose: row.purpose,
        algorithm: row.algorithm,
        state,
        created_at: row.created_at,
    })
}
