//! How URLs of a CDN of the operator's are signed: with which key, sealed by the instance's data key, and
//! for which owners.

mod rows;

use std::collections::{BTreeMap, BTreeSet};

use portolan_domain::signed_url::{
    InvalidProfile, SigningAllow, SigningHash, SigningKind, SigningProfile, SigningSecret,
    UrlSigner,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, QueryFilter, Set, sea_query::OnConflict,
};

pub(crate) use self::rows::signings;
use self::rows::{allow, allows, opened, place};
use crate::{
    audit::{Actor, Event},
    cdns::Cdn,
    database::Database,
    entity::{cdns, owners, signing_allows, signing_profiles},
    error::{Result, StorageError},
    seal::SealingKey,
    store::{Store, owner_not_found},
    write::WriteTransaction,
};

/// What may be known of how a CDN's URLs are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CdnSigning {
    /// The kind of its signatures.
    pub kind: SigningKind,
    /// What the CDN calls the key.
    pub key_id: Option<String>,
    /// The digest; none for the kind's default.
    pub hash: Option<SigningHash>,
    /// What may be signed for which owners.
    pub allow: Vec<SigningAllow>,
}

/// How a CDN's URLs are to be signed.
#[derive(Debug, Clone)]
pub struct SigningChange {
    /// The kind of its signatures.
    pub kind: SigningKind,
    /// What the CDN calls the key.
    pub key_id: Option<String>,
    /// The digest; none for the kind's default.
    pub hash: Option<SigningHash>,
    /// The key; none to keep the one that is there, of the same kind.
    pub secret: Option<SigningSecret>,
    /// What may be signed for which owners; none to keep what is there.
    pub allow: Option<Vec<SigningAllow>>,
}

/// What signs a CDN's URLs, its key included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CdnSigner {
    /// The key, and how it is used.
    pub profile: SigningProfile,
    /// What may be signed for which owners.
    pub allow: Vec<SigningAllow>,
}

impl Store {
    /// What signs the URLs of a CDN of the operator's, where something does.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] where the key does not open.
    pub async fn cdn_signer(&self, cdn: &Cdn) -> Result<Option<CdnSigner>> {
        let row = signing_profiles::Entity::find_by_id(cdn.id)
            .one(&self.database)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let instance = self.instance_key(&self.database).await?;
        Ok(Some(CdnSigner {
            profile: opened(&instance, &row)?,
            allow: allows(&self.database, &[cdn.id])
                .await?
                .remove(&cdn.id)
                .unwrap_or_default(),
        }))
    }

    /// What signs URLs for one owner at the CDN of this profile; nothing where it may have none.
    pub(crate) async fn owner_signer(
        &self,
        database: &Database,
        (owner, key): (i64, &str),
        row: &signing_profiles::Model,
    ) -> Result<Option<CdnSigner>> {
        let found = signing_allows::Entity::find()
            .filter(signing_allows::Column::CdnId.eq(row.cdn_id))
            .filter(signing_allows::Column::OwnerId.eq(owner))
            .all(database)
            .await?;
        if found.is_empty() {
            return Ok(None);
        }
        let allow: Result<Vec<_>> = found.iter().map(|row| allow(row, key)).collect();
        let instance = self.instance_key(database).await?;
        Ok(Some(CdnSigner {
            profile: opened(&instance, row)?,
            allow: allow?,
        }))
    }

    /// Sets or removes how a CDN's URLs are signed. The CDN's row is held by then.
    pub(crate) async fn set_signing(
        &self,
        transaction: &WriteTransaction,
        cdn: &cdns::Model,
        change: Option<&SigningChange>,
        by: &Actor,
    ) -> Result<Option<Event>> {
        let there = signing_profiles::Entity::find_by_id(cdn.id)
            .one(&**transaction)
            .await?;
        let Some(change) = change else {
            let Some(there) = there else { return Ok(None) };
            // What is allowed goes with it.
            signing_profiles::Entity::delete_by_id(there.cdn_id)
                .exec(&**transaction)
                .await?;
            return Ok(Some(by.did("cdn-signing.delete").on(cdn.label.as_str())));
        };
        let instance = self.instance_key(&**transaction).await?;
        let profile = SigningProfile {
            kind: change.kind,
            key_id: change.key_id.clone(),
            hash: change.hash,
            secret: match (&change.secret, &there) {
                (Some(secret), _) => secret.clone(),
                (None, Some(row)) if row.kind == change.kind.as_str() => {
                    opened(&instance, row)?.secret
                }
                (None, _) => return Err(StorageError::CdnSigning(InvalidProfile::NoSecret)),
            },
        };
        // What nothing could be signed with is not kept.
        UrlSigner::new(&cdn.url, &profile)?;
        keep(transaction, cdn.id, &instance, &profile).await?;
        if let Some(allow) = &change.allow {
            replace_allows(transaction, cdn.id, allow).await?;
        }
        let event = by.did("cdn-signing.update").on(cdn.label.as_str());
        Ok(Some(event.detail(told(&profile))))
    }
}

/// A profile for the audit log.
fn told(profile: &SigningProfile) -> String {
    match &profile.key_id {
        Some(id) => format!("{} with the key {id}", profile.kind),
        None => profile.kind.to_string(),
    }
}

async fn keep(
    transaction: &WriteTransaction,
    cdn: i64,
    instance: &SealingKey,
    profile: &SigningProfile,
) -> Result<()> {
    use signing_profiles::Column::{CdnId, Hash, KeyId, Kind, SecretSealed};
    let secret = profile.secret.expose().as_bytes();
    let row = signing_profiles::ActiveModel {
        cdn_id: Set(cdn),
        kind: Set(profile.kind.as_str().to_owned()),
        key_id: Set(profile.key_id.clone()),
        hash: Set(profile.hash.map(|hash| hash.as_str().to_owned())),
        secret_sealed: Set(instance.seal(secret, place(&cdn.to_string()))?),
    };
    let mut over = OnConflict::column(CdnId);
    over.update_columns([Kind, KeyId, Hash, SecretSealed]);
    signing_profiles::Entity::insert(row)
        .on_conflict(over)
        .exec_without_returning(&**transaction)
        .await?;
    Ok(())
}

async fn replace_allows(
    transaction: &WriteTransaction,
    cdn: i64,
    allow: &[SigningAllow],
) -> Result<()> {
    signing_allows::Entity::delete_many()
        .filter(signing_allows::Column::CdnId.eq(cdn))
        .exec(&**transaction)
        .await?;
    let keys: BTreeSet<&str> = allow.iter().map(|allow| allow.owner.as_str()).collect();
    let found = owners::Entity::find()
        .filter(owners::Column::Key.is_in(keys))
        .all(&**transaction)
        .await?;
    let ids: BTreeMap<&str, i64> = found.iter().map(|o| (o.key.as_str(), o.id)).collect();
    for SigningAllow { owner, prefix } in allow.iter().collect::<BTreeSet<_>>() {
        let owner_id = *ids
            .get(owner.as_str())
            .ok_or_else(|| owner_not_found(owner))?;
        let row = signing_allows::ActiveModel {
            cdn_id: Set(cdn),
            owner_id: Set(owner_id),
            prefix: Set(prefix.as_str().to_owned()),
        };
        row.insert(&**transaction).await?;
    }
    Ok(())
}
