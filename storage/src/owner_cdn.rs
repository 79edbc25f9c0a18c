//! Who says where an owner's content is: its own setting, its import, or nobody. What that means is
//! looked up in `cdn_info.rs`.

use portolan_domain::{
    cdn_url::CdnUrl,
    ids::{CdnLabel, OwnerKey},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Unchanged, ColumnTrait, Condition, ConnectionTrait, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Set, sea_query::LockType,
};

use crate::{
    audit::{Actor, Event},
    cdns::not_found,
    entity::{cdns, owners, upstream_consumers},
    error::{Result, StorageError},
    resolve_cdn::{CdnAnswer, counts_for, resolve_cdn},
    store::{Store, owner_not_found},
    write::WriteTransaction,
};

/// How many owners are named where a CDN is in use.
const NAMED: usize = 5;

/// Who says where an owner's content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CdnSource {
    /// The owner's own setting.
    Owner,
    /// Its import: the URL or label that came with it.
    Import,
    /// Nobody: the default.
    Default,
}

/// What an owner was told beside its imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CdnSetting {
    /// This URL.
    Url(CdnUrl),
    /// The CDN of this label, looked up when it is asked for.
    Label(CdnLabel),
}

/// A CDN that an owner's manifest brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnersCdn {
    /// Its label.
    pub label: String,
    /// Its name for people.
    pub name: Option<String>,
    /// Its base URL.
    pub url: String,
}

/// Where an owner's content is, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerCdn {
    /// Where it is now.
    pub cdn: CdnAnswer,
    /// Who says so.
    pub source: CdnSource,
    /// The CDNs that its manifest brought, by label.
    pub manifest_cdns: Vec<OwnersCdn>,
}

/// A URL, a label, both or neither.
type UrlAndLabel = (Option<String>, Option<String>);

/// What was said about an owner's CDN, and by whom; what it means is looked up when it is asked for.
pub(crate) struct Said {
    pub url: Option<String>,
    pub label: Option<String>,
    pub source: CdnSource,
}

impl Said {
    /// The owner's setting counts over the import as a whole: its URL does not keep the import's label.
    pub fn about(owner: &owners::Model, consumer: Option<&upstream_consumers::Model>) -> Self {
        let own = (owner.cdn_url.clone(), owner.cdn_label.clone());
        Self::of(
            own,
            consumer.map(|c| (c.cdn_url.clone(), c.cdn_label.clone())),
        )
    }

    /// The same, from URLs and labels.
    pub fn of(own: UrlAndLabel, imported: Option<UrlAndLabel>) -> Self {
        let said = |(url, label): UrlAndLabel, source| {
            let anything = url.is_some() || label.is_some();
            anything.then_some(Self { url, label, source })
        };
        said(own, CdnSource::Owner)
            .or_else(|| said(imported?, CdnSource::Import))
            .unwrap_or(Self {
                url: None,
                label: None,
                source: CdnSource::Default,
            })
    }

    /// What was given as a URL, which no label changes.
    pub fn as_given(&self) -> Option<CdnAnswer> {
        Some(CdnAnswer {
            url: self.url.clone()?,
            label: self.label.clone(),
            certificate: None,
        })
    }
}

impl Store {
    /// Where the owner's content is, and why.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner.
    pub async fn owner_cdn(&self, owner: &OwnerKey) -> Result<OwnerCdn> {
        let owner = self.owner_row(&self.database, owner).await?;
        let consumer = upstream_consumers::Entity::find_by_id(owner.id)
            .one(&self.database)
            .await?;
        let brought = cdns::Entity::find()
            .filter(cdns::Column::OwnerId.eq(owner.id))
            .order_by_asc(cdns::Column::Label)
            .all(&self.database)
            .await?;
        let shown = |row: cdns::Model| OwnersCdn {
            label: row.label,
            name: row.name,
            url: row.url,
        };
        Ok(OwnerCdn {
            cdn: resolve_cdn(&self.database, &owner, consumer.as_ref()).await?,
            source: Said::about(&owner, consumer.as_ref()).source,
            manifest_cdns: brought.into_iter().map(shown).collect(),
        })
    }

    /// Points an owner elsewhere. It stays so through imports.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner, and for a label that neither the operator nor
    /// the owner's manifest has.
    pub async fn set_owner_cdn(
        &self,
        owner: &OwnerKey,
        setting: &CdnSetting,
        by: &Actor,
    ) -> Result<()> {
        let transaction = self.write().await?;
        let row = locked_owner(&transaction, owner).await?;
        let (url, label) = match setting {
            CdnSetting::Url(url) => (Some(url.as_given().to_owned()), None),
            CdnSetting::Label(label) => {
                hold_cdn(&transaction, row.id, label).await?;
                (None, Some(label.to_string()))
            }
        };
        let said = url.as_ref().or(label.as_ref()).cloned().unwrap_or_default();
        let event = by.did("owner-cdn.update").of_owner(owner).on(said);
        say(transaction, (row.id, owner), (url, label), event).await
    }

    /// Brings an owner back to what its import said.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner.
    pub async fn reset_owner_cdn(&self, owner: &OwnerKey, by: &Actor) -> Result<()> {
        let transaction = self.write().await?;
        let row = locked_owner(&transaction, owner).await?;
        if row.cdn_url.is_none() && row.cdn_label.is_none() {
            self.changes.owner_changed(owner);
            return Ok(());
        }
        let event = by.did("owner-cdn.delete").of_owner(owner);
        say(transaction, (row.id, owner), (None, None), event).await
    }
}

/// Refuses to take a label's CDN away while owners are sent there, and names some of them.
pub(crate) async fn refuse_while_followed(
    connection: &impl ConnectionTrait,
    label: &CdnLabel,
) -> Result<()> {
    let users = followers(connection, label).await?;
    if users.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = users.iter().take(NAMED).map(|o| o.key.as_str()).collect();
    let more = if users.len() > NAMED {
        " and others"
    } else {
        ""
    };
    Err(StorageError::InUse {
        what: "CDN",
        name: label.to_string(),
        by: format!(
            "{}{more} follow it; point them elsewhere first, or change its URL",
            names.join(", ")
        ),
    })
}

/// Owners whose setting names a label, and those without a setting whose import does; one more than
/// are named, by key.
async fn followers(
    connection: &impl ConnectionTrait,
    label: &CdnLabel,
) -> Result<Vec<owners::Model>> {
    let by_import = upstream_consumers::Entity::find()
        .select_only()
        .column(upstream_consumers::Column::OwnerId)
        .filter(upstream_consumers::Column::CdnLabel.eq(label.as_str()))
        .into_query();
    let without_setting = Condition::all()
        .add(owners::Column::CdnUrl.is_null())
        .add(owners::Column::CdnLabel.is_null())
        .add(owners::Column::Id.in_subquery(by_import));
    let users = owners::Entity::find()
        .filter(
            Condition::any()
                .add(owners::Column::CdnLabel.eq(label.as_str()))
                .add(without_setting),
        )
        .order_by_asc(owners::Column::Key)
        .limit(NAMED as u64 + 1);
    Ok(users.all(connection).await?)
}

/// The owner's row, held against imports and other settings.
async fn locked_owner(transaction: &WriteTransaction, owner: &OwnerKey) -> Result<owners::Model> {
    let row = owners::Entity::find()
        .filter(owners::Column::Key.eq(owner.as_str()))
        .lock(LockType::NoKeyUpdate)
        .one(&**transaction)
        .await?;
    row.ok_or_else(|| owner_not_found(owner))
}

/// Holds the CDN of a label, so that it is not deleted while an owner is pointed at it.
async fn hold_cdn(transaction: &WriteTransaction, owner: i64, label: &CdnLabel) -> Result<()> {
    let known = cdns::Entity::find()
        .filter(cdns::Column::Label.eq(label.as_str()))
        .filter(counts_for(owner))
        .lock(LockType::KeyShare)
        .all(&**transaction)
        .await?;
    if known.is_empty() {
        return Err(not_found(label));
    }
    Ok(())
}

async fn say(
    transaction: WriteTransaction,
    (id, owner): (i64, &OwnerKey),
    (url, label): (Option<String>, Option<String>),
    event: Event,
) -> Result<()> {
    let change = owners::ActiveModel {
        id: Unchanged(id),
        cdn_url: Set(url),
        cdn_label: Set(label),
        ..Default::default()
    };
    change.update(&*transaction).await?;
    transaction.owner_changed(id, owner).await?;
    transaction.commit(event).await
}
