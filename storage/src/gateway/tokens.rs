//! Tokens that say nothing themselves: what they are for is kept here, and of each only a keyed hash, by which
//! nobody who reads the database has a token, or can find out whether one that he guesses is one.

use portolan_domain::digest::Sha256Digest;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, Set, sea_query::OnConflict,
};
use time::OffsetDateTime;

use super::{HolderKind, accounts::is_still, corrupt};
use crate::{entity::gateway_tokens, error::Result, store::Store, times};

/// Under which key tokens are hashed.
const PURPOSE: &str = "gateway-token";

/// What a token can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPurpose {
    /// Stand for its holder.
    Access,
    /// Get such a one.
    Refresh,
}

/// A token that is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayToken {
    /// Whether its holder is a user or a host.
    pub kind: HolderKind,
    /// Whom it was given.
    pub holder: String,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

/// A token to be remembered.
#[derive(Debug, Clone, Copy)]
pub struct NewGatewayToken<'a> {
    /// Its keyed hash ([`Store::gateway_token_digest`]).
    pub digest: Sha256Digest,
    /// What it can do.
    pub purpose: TokenPurpose,
    /// Whether its holder is a user or a host.
    pub kind: HolderKind,
    /// Whom it is given.
    pub holder: &'a str,
    /// When it ends.
    pub expires_at: OffsetDateTime,
}

impl TokenPurpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

impl Store {
    /// The keyed hash by which a token is known (HMAC-SHA256).
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn gateway_token_digest(&self, token: &str) -> Result<Sha256Digest> {
        let instance = self.instance_key(&self.database).await?;
        instance.authenticate(PURPOSE, token.as_bytes())
    }

    /// Remembers tokens, all or none; whether it did. With an account, a name and the hash of the password that was
    /// shown, only while that is the user's. One that an authority gives again counts as long as it says then; to
    /// another holder it is not given. A login is part of every pull, and changes nothing that an auditor looks for, so the audit log has nothing of it.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn put_gateway_tokens(
        &self,
        tokens: &[NewGatewayToken<'_>],
        account: Option<(&str, &str)>,
    ) -> Result<bool> {
        use gateway_tokens::Column::{Digest, ExpiresAt};
        let rows = tokens.iter().map(|token| gateway_tokens::ActiveModel {
            digest: Set(token.digest.to_string()),
            purpose: Set(token.purpose.as_str().to_owned()),
            holder_kind: Set(token.kind.as_str().to_owned()),
            holder: Set(token.holder.to_owned()),
            expires_at: Set(times::kept(token.expires_at)),
        });
        let again = OnConflict::column(Digest)
            .update_column(ExpiresAt)
            .to_owned();
        let transaction = self.write().await?;
        if let Some(account) = account
            && !is_still(&transaction, account).await?
        {
            return Ok(false);
        }
        if is_anothers(&transaction, tokens).await? {
            return Ok(false);
        }
        gateway_tokens::Entity::insert_many(rows)
            .on_conflict(again)
            .exec_without_returning(&*transaction)
            .await?;
        transaction.commit_housekeeping().await?;
        Ok(true)
    }

    /// The token with this keyed hash, where it counts at this instant.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn gateway_token(
        &self,
        digest: Sha256Digest,
        purpose: TokenPurpose,
        now: OffsetDateTime,
    ) -> Result<Option<GatewayToken>> {
        let row = gateway_tokens::Entity::find_by_id(digest.to_string())
            .filter(gateway_tokens::Column::Purpose.eq(purpose.as_str()))
            .filter(gateway_tokens::Column::ExpiresAt.gt(times::kept(now)))
            .one(&self.database)
            .await?;
        let token = |row: gateway_tokens::Model| {
            let kind = HolderKind::from_name(&row.holder_kind);
            let kind = kind.ok_or_else(|| corrupt("gateway_tokens", "holder_kind", &row.digest))?;
            Ok(GatewayToken {
                kind,
                holder: row.holder,
                expires_at: row.expires_at,
            })
        };
        row.map(token).transpose()
    }

    /// Forgets the tokens that have ended by then.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn forget_gateway_tokens(&self, ended_at: OffsetDateTime) -> Result<()> {
        let transaction = self.write().await?;
        gateway_tokens::Entity::delete_many()
            .filter(gateway_tokens::Column::ExpiresAt.lte(times::kept(ended_at)))
            .exec(&*transaction)
            .await?;
        transaction.commit_housekeeping().await
    }
}

/// Whether one of these is somebody else's already.
async fn is_anothers(
    transaction: &DatabaseTransaction,
    tokens: &[NewGatewayToken<'_>],
) -> Result<bool> {
    let digests = tokens.iter().map(|token| token.digest.to_string());
    let rows = gateway_tokens::Entity::find()
        .filter(gateway_tokens::Column::Digest.is_in(digests))
        .all(transaction)
        .await?;
    let is_anothers = |row: &gateway_tokens::Model| {
        let mut same = tokens
            .iter()
            .filter(|token| token.digest.to_string() == row.digest);
        same.any(|token| (token.kind.as_str(), token.holder) != (&*row.holder_kind, &*row.holder))
    };
    Ok(rows.iter().any(is_anothers))
}
