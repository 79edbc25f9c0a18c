//! Where an owner's content is, and how URLs there are signed: the one place that decides it.

use portolan_domain::cdn_url::{CdnUrl, DEFAULT_CDN_URL};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::{
    entity::{cdns, owners, signing_profiles, upstream_consumers},
    error::Result,
    owner_cdn::Said,
};

/// Where content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CdnAnswer {
    /// The URL, as it was given.
    pub url: String,
    /// The label, where the owner's setting or its import named one.
    pub label: Option<String>,
    /// The CDN's own certificate, where the operator set one: it counts over the recorded CA.
    pub certificate: Option<String>,
}

/// The operator's CDNs, and this owner's own.
pub(crate) fn counts_for(owner: i64) -> Condition {
    Condition::any()
        .add(cdns::Column::OwnerId.is_null())
        .add(cdns::Column::OwnerId.eq(owner))
}

/// The CDN of this label that counts for an owner: the operator's, else the manifest's.
pub(crate) async fn find_cdn(
    connection: &impl ConnectionTrait,
    owner: i64,
    label: &str,
) -> Result<Option<cdns::Model>> {
    let found = cdns::Entity::find()
        .filter(cdns::Column::Label.eq(label))
        .filter(counts_for(owner))
        .all(connection)
        .await?;
    let operators = found.iter().position(|cdn| cdn.owner_id.is_none());
    Ok(found.into_iter().nth(operators.unwrap_or(0)))
}

/// Where an owner's content is now.
pub(crate) async fn resolve_cdn(
    connection: &impl ConnectionTrait,
    owner: &owners::Model,
    consumer: Option<&upstream_consumers::Model>,
) -> Result<CdnAnswer> {
    let said = Said::about(owner, consumer);
    let (cdn, _) = resolve_signing_cdn(connection, owner.id, &said).await?;
    Ok(cdn)
}

/// Where an owner's content is now, and how URLs there are signed. A URL that was given counts; else the label is followed; else the default. The operator's CDN of the label, or
/// else of the URL, may bring its own certificate. Signed are URLs of the operator's CDNs at that very URL,
/// whatever the label: no key signs for a host that it is not for.
pub(crate) async fn resolve_signing_cdn(
    connection: &impl ConnectionTrait,
    owner: i64,
    said: &Said,
) -> Result<(CdnAnswer, Option<signing_profiles::Model>)> {
    let labelled = match &said.label {
        Some(label) => find_cdn(connection, owner, label).await?,
        None => None,
    };
    let followed = labelled.as_ref().map(|cdn| cdn.url.clone());
    let url = said.url.clone().or(followed);
    let url = url.unwrap_or_else(|| DEFAULT_CDN_URL.to_owned());
    let labelled = labelled.filter(|cdn| cdn.owner_id.is_none());
    // Apart, since a join's future is large, and imports carry this one along.
    let mut there = Box::pin(operators_at(connection, &url)).await?;
    // The labelled one first, then by label.
    there.sort_by_key(|(cdn, _)| labelled.as_ref().is_none_or(|own| own.id != cdn.id));
    let certificate = labelled.and_then(|cdn| cdn.certificate);
    let certificate =
        certificate.or_else(|| there.iter().find_map(|(cdn, _)| cdn.certificate.clone()));
    let profile = there.into_iter().find_map(|(_, profile)| profile);
    let cdn = CdnAnswer {
        url,
        label: said.label.clone(),
        certificate,
    };
    Ok((cdn, profile))
}

/// The operator's CDNs at a URL, by label.
async fn operators_at(
    connection: &impl ConnectionTrait,
    url: &str,
) -> Result<Vec<(cdns::Model, Option<signing_profiles::Model>)>> {
    let Ok(url) = CdnUrl::from_stored(url) else {
        return Ok(Vec::new());
    };
    let found = cdns::Entity::find()
        .find_also_related(signing_profiles::Entity)
        .filter(cdns::Column::NormalizedUrl.eq(url.normalized()))
        .filter(cdns::Column::OwnerId.is_null())
        .order_by_asc(cdns::Column::Label)
        .all(connection)
        .await?;
    Ok(found)
}
