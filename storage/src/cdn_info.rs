//! What a proxy asks for every content request: where, with which CA, with which certificate.

use portolan_domain::{
    cdn_url::{CdnUrl, DEFAULT_CDN_URL},
    ids::{EntitlementId, OwnerKey},
    secret::PrivateKeyPem,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::ExprTrait,
};
use time::OffsetDateTime;

use crate::{
    entity::{cdns, entitlements, owners, upstream_consumers},
    error::{Result, StorageError},
    seal::{Place, SealingKey},
    store::Store,
    upstream_consumers::{RecordedCa, recorded_ca},
};

/// Where content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CdnAnswer {
    /// The URL, as it was given.
    pub url: String,
    /// The label, where the manifest named one.
    pub label: Option<String>,
    /// The CDN's own certificate, where the operator set one: it counts over the recorded CA.
    pub certificate: Option<String>,
}

/// A certificate with its key, byte for byte as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCertificate {
    /// Serial number, in decimal.
    pub serial: String,
    /// First valid instant.
    pub not_before: OffsetDateTime,
    /// Last valid instant.
    pub not_after: OffsetDateTime,
    /// The certificate text.
    pub cert: String,
    /// The key, where there is one.
    pub key: Option<PrivateKeyPem>,
}

/// Everything about one entitlement that a proxy needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntitlementAnswer {
    /// The id that was asked for.
    pub id: EntitlementId,
    /// Whose it is.
    pub owner: OwnerKey,
    /// Its pool.
    pub pool_id: String,
    /// The upstream entitlement behind it.
    pub upstream_id: String,
    /// The owner's upstream consumer.
    pub consumer_uuid: String,
    /// Where the content is.
    pub cdn: CdnAnswer,
    /// The CA that verified the manifest; none where it was forced in.
    pub ca: Option<RecordedCa>,
    /// The upstream certificate; none where the manifest had none.
    pub certificate: Option<StoredCertificate>,
}

impl Store {
    /// Resolves an entitlement id; nothing where it is unknown.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn entitlement_answer(
        &self,
        id: &EntitlementId,
    ) -> Result<Option<EntitlementAnswer>> {
        let database = &self.database;
        let Some(row) = entitlements::Entity::find_by_id(id.as_str())
            .one(database)
            .await?
        else {
            return Ok(None);
        };
        let owner = owners::Entity::find_by_id(row.owner_id)
            .one(database)
            .await?;
        let consumer = upstream_consumers::Entity::find_by_id(row.owner_id)
            .one(database)
            .await?;
        // An import between the queries may have taken them away: then the entitlement is gone too.
        let (Some(owner), Some(consumer)) = (owner, consumer) else {
            return Ok(None);
        };
        Ok(Some(EntitlementAnswer {
            id: id.clone(),
            owner: owner.key.parse().map_err(|_| corrupt(id, "owner_id"))?,
            pool_id: row.pool_id.clone(),
            upstream_id: row.id.clone(),
            consumer_uuid: consumer.uuid.clone(),
            cdn: resolve_cdn(database, &consumer).await?,
            ca: recorded_ca(&consumer)?,
            certificate: self.certificate(&owner, row)?,
        }))
    }

    fn certificate(
        &self,
        owner: &owners::Model,
        row: entitlements::Model,
    ) -> Result<Option<StoredCertificate>> {
        unsealed(&self.data_key(owner)?, row)
    }
}

/// The certificate of an entitlement, its key unsealed by the data key of its owner.
pub(crate) fn unsealed(
    sealing: &SealingKey,
    row: entitlements::Model,
) -> Result<Option<StoredCertificate>> {
    let (Some(cert), Some(serial), Some(not_before), Some(not_after)) =
        (row.cert, row.serial, row.not_before, row.not_after)
    else {
        return Ok(None);
    };
    let key = match row.key_sealed {
        None => None,
        Some(sealed) => {
            let place = Place {
                table: "entitlements",
                owner: row.owner_id,
                row: &row.id,
            };
            let bytes = sealing.open(&sealed, place)?;
            let text = std::str::from_utf8(&bytes).map_err(|_| StorageError::Corrupt {
                table: "entitlements",
                column: "key_sealed",
                row: row.id.clone(),
            })?;
            Some(PrivateKeyPem::new(text.to_owned()))
        }
    };
    Ok(Some(StoredCertificate {
        serial,
        not_before,
        not_after,
        cert,
        key,
    }))
}

fn corrupt(id: &EntitlementId, column: &'static str) -> StorageError {
    StorageError::Corrupt {
        table: "entitlements",
        column,
        row: id.to_string(),
    }
}

/// The CDN of this label that counts for an owner: the operator's, else the manifest's.
pub(crate) async fn find_cdn(
    connection: &impl ConnectionTrait,
    owner: i64,
    label: &str,
) -> Result<Option<cdns::Model>> {
    let found = cdns::Entity::find()
        .filter(cdns::Column::Label.eq(label))
        .filter(
            cdns::Column::OwnerId
                .is_null()
                .or(cdns::Column::OwnerId.eq(owner)),
        )
        .all(connection)
        .await?;
    let operators = found.iter().position(|cdn| cdn.owner_id.is_none());
    Ok(found.into_iter().nth(operators.unwrap_or(0)))
}

/// Where a consumer's content is now. A URL that was given counts; else the label is followed; else
/// the default. The operator's CDN of the label, or else of the URL, may bring its own certificate.
pub(crate) async fn resolve_cdn(
    connection: &impl ConnectionTrait,
    consumer: &upstream_consumers::Model,
) -> Result<CdnAnswer> {
    let labelled = match &consumer.cdn_label {
        Some(label) => find_cdn(connection, consumer.owner_id, label).await?,
        None => None,
    };
    let followed = labelled.as_ref().map(|cdn| cdn.url.clone());
    let url = consumer.cdn_url.clone().or(followed);
    let url = url.unwrap_or_else(|| DEFAULT_CDN_URL.to_owned());
    let operators = labelled.filter(|cdn| cdn.owner_id.is_none());
    let certificate = match operators.and_then(|cdn| cdn.certificate) {
        Some(certificate) => Some(certificate),
        None => certificate_of_url(connection, &url).await?,
    };
    Ok(CdnAnswer {
        url,
        label: consumer.cdn_label.clone(),
        certificate,
    })
}

async fn certificate_of_url(
    connection: &impl ConnectionTrait,
    url: &str,
) -> Result<Option<String>> {
    let Ok(url) = CdnUrl::from_stored(url) else {
        return Ok(None);
    };
    let found = cdns::Entity::find()
        .filter(cdns::Column::NormalizedUrl.eq(url.normalized()))
        .filter(cdns::Column::OwnerId.is_null())
        .filter(cdns::Column::Certificate.is_not_null())
        .order_by_asc(cdns::Column::Label)
        .one(connection)
        .await?;
    Ok(found.and_then(|cdn| cdn.certificate))
}
