//! The upstream consumer of an owner: stored by an import, read for records and `cdn_info`.

use portolan_domain::{
    digest::Sha256Digest,
    ids::{CdnLabel, OwnerKey},
    import::CdnChoice,
    manifest::UpstreamConsumer,
    trust::Verification,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Set};
use time::OffsetDateTime;

use crate::{
    entity::{owners, upstream_consumers},
    error::{Result, StorageError},
    imports::{ConsumerSnapshot, VerificationSnapshot},
    resolve_cdn::{CdnAnswer, resolve_cdn},
    seal::{Place, SealingKey},
    store::Store,
};

/// The CA that verified a consumer's manifest, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCa {
    /// Its file name.
    pub filename: String,
    /// SHA-256 of its certificate.
    pub sha256: Sha256Digest,
    /// SHA-256 of its public key.
    pub spki_sha256: Sha256Digest,
}

/// An owner's upstream consumer as it is shown. Its identity key is never part of this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConsumer {
    /// Whose it is.
    pub owner: OwnerKey,
    /// The consumer.
    pub consumer: ConsumerSnapshot,
    /// How it was verified.
    pub verification: VerificationSnapshot,
    /// By which CA; none where it was forced.
    pub ca: Option<RecordedCa>,
    /// Where its content is.
    pub cdn: CdnAnswer,
    /// Its identity certificate as it came, PEM; serial number and dates are in it.
    pub identity_cert: Option<String>,
    /// When it was imported, as far as its record is kept.
    pub imported_at: Option<OffsetDateTime>,
}

impl Store {
    /// The owner's upstream consumer, if it has imported.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner.
    pub async fn upstream_consumer(&self, owner: &OwnerKey) -> Result<Option<StoredConsumer>> {
        let owner = self.owner_row(&self.database, owner).await?;
        let row = upstream_consumers::Entity::find_by_id(owner.id)
            .one(&self.database)
            .await?;
        match row {
            Some(row) => Ok(Some(self.stored_consumer(&owner, &row).await?)),
            None => Ok(None),
        }
    }

    /// The consumers that were verified by a CA with one of these public keys: which owner, which
    /// consumer.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn consumers_verified_by(
        &self,
        keys: &[Sha256Digest],
    ) -> Result<Vec<(String, ConsumerSnapshot)>> {
        let keys = keys.iter().map(ToString::to_string);
        let rows = upstream_consumers::Entity::find()
            .filter(upstream_consumers::Column::CaSpkiSha256.is_in(keys))
            .all(&self.database)
            .await?;
        let owners = owners::Entity::find()
            .filter(owners::Column::Id.is_in(rows.iter().map(|row| row.owner_id)))
            .all(&self.database)
            .await?;
        let key_of = |id| owners.iter().find(|o| o.id == id).map(|o| o.key.clone());
        let named = |row: &upstream_consumers::Model| Some((key_of(row.owner_id)?, snapshot(row)));
        Ok(rows.iter().filter_map(named).collect())
    }

    async fn stored_consumer(
        &self,
        owner: &owners::Model,
        row: &upstream_consumers::Model,
    ) -> Result<StoredConsumer> {
        Ok(StoredConsumer {
            owner: owner
                .key
                .parse()
                .map_err(|_| corrupt(row.owner_id, "owner_id"))?,
            consumer: snapshot(row),
            verification: VerificationSnapshot {
                outcome: row.outcome.clone(),
                algorithm: row.algorithm.clone(),
                ca_filename: row.ca_filename.clone(),
                ca_sha256: row.ca_sha256.clone(),
            },
            ca: recorded_ca(row)?,
            cdn: resolve_cdn(&self.database, owner, Some(row)).await?,
            identity_cert: row.identity_cert.clone(),
            imported_at: self.last_stored(owner.id).await?.map(|row| row.created_at),
        })
    }
}

pub(crate) fn snapshot(row: &upstream_consumers::Model) -> ConsumerSnapshot {
    ConsumerSnapshot {
        uuid: row.uuid.clone(),
        name: row.name.clone(),
        type_id: row.type_id.clone(),
        type_label: row.type_label.clone(),
        type_manifest: row.type_manifest,
        web_url: row.web_url.clone(),
        api_url: row.api_url.clone(),
        owner_id: row.upstream_owner_id.clone(),
        content_access_mode: row.content_access_mode.clone(),
    }
}

fn corrupt(owner: i64, column: &'static str) -> StorageError {
    StorageError::Corrupt {
        table: "upstream_consumers",
        column,
        row: owner.to_string(),
    }
}

pub(crate) fn recorded_ca(row: &upstream_consumers::Model) -> Result<Option<RecordedCa>> {
    let ca = (
        row.ca_filename.as_ref(),
        row.ca_sha256.as_ref(),
        row.ca_spki_sha256.as_ref(),
    );
    recorded(row.owner_id, ca)
}

/// The same, from its file name, its digest and that of its public key.
pub(crate) fn recorded(
    owner: i64,
    ca: (Option<&String>, Option<&String>, Option<&String>),
) -> Result<Option<RecordedCa>> {
    let (Some(filename), Some(sha256), Some(spki)) = ca else {
        return Ok(None);
    };
    Ok(Some(RecordedCa {
        filename: filename.clone(),
        sha256: sha256.parse().map_err(|_| corrupt(owner, "ca_sha256"))?,
        spki_sha256: spki.parse().map_err(|_| corrupt(owner, "ca_spki_sha256"))?,
    }))
}

pub(crate) fn consumer_row(
    owner: i64,
    consumer: &UpstreamConsumer,
    verification: &Verification,
    cdn: &CdnChoice,
    sealing: &SealingKey,
) -> Result<upstream_consumers::ActiveModel> {
    let place = Place {
        table: "upstream_consumers",
        owner,
        row: consumer.uuid.as_str(),
    };
    let identity = consumer.identity.as_ref();
    let key = identity.and_then(|identity| identity.key.as_ref());
    let key_sealed = key
        .map(|key| sealing.seal(key.expose().as_bytes(), place))
        .transpose()?;
    let by = match verification {
        Verification::Verified(by) => Some(by),
        Verification::Forced(_) => None,
    };
    Ok(upstream_consumers::ActiveModel {
        owner_id: Set(owner),
        uuid: Set(consumer.uuid.to_string()),
        name: Set(consumer.name.clone()),
        type_id: Set(consumer.consumer_type.id.clone()),
        type_label: Set(consumer.consumer_type.label.clone()),
        type_manifest: Set(consumer.consumer_type.manifest),
        upstream_owner_id: Set(consumer.owner_id.clone()),
        content_access_mode: Set(consumer.content_access_mode.clone()),
        web_url: Set(consumer.web_url.clone()),
        api_url: Set(consumer.api_url.clone()),
        cdn_url: Set(cdn.url.as_ref().map(|url| url.as_given().to_owned())),
        cdn_label: Set(cdn.label.as_ref().map(CdnLabel::to_string)),
        identity_cert: Set(identity.map(|identity| identity.cert.clone())),
        identity_key_sealed: Set(key_sealed),
        identity_serial: Set(identity.map(|identity| identity.serial.clone())),
        identity_not_before: Set(identity.map(|identity| identity.not_before)),
        identity_not_after: Set(identity.map(|identity| identity.not_after)),
        outcome: Set(by.map_or("FORCED", |_| "VERIFIED").to_owned()),
        algorithm: Set(by.map(|by| by.algorithm.name().to_owned())),
        ca_filename: Set(by.map(|by| by.filename.to_string())),
        ca_sha256: Set(by.map(|by| by.sha256.to_string())),
        ca_spki_sha256: Set(by.map(|by| by.spki_sha256.to_string())),
        ca_pem: Set(by.map(|by| by.pem.clone())),
    })
}
