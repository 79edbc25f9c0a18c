//! The operator's CDNs. An owner's own come with its manifest, and are never touched here.

use portolan_domain::{cdn_url::CdnUrl, ids::CdnLabel, trust::CertificateBundle};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, NotSet,
    QueryFilter, QueryOrder, QuerySelect, Select, Set, sea_query::LockType,
};
use time::OffsetDateTime;

use crate::{
    audit::{Actor, Event},
    cdn_signing::{CdnSigning, SigningChange, signings},
    entity::cdns,
    error::{Result, StorageError, is_duplicate},
    owner_cdn::refuse_while_followed,
    store::{Page, Store},
    times,
    write::WriteTransaction,
};

/// A CDN of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cdn {
    /// Its number, which Candlepin-family clients see as `id`.
    pub id: i64,
    /// Its label, by which manifests and owners name it.
    pub label: CdnLabel,
    /// Its name for people.
    pub name: Option<String>,
    /// Its base URL, as it was given.
    pub url: String,
    /// Its own certificates, PEM: they count over the CA that verified a manifest.
    pub certificate: Option<String>,
    /// How its URLs are signed, where they are.
    pub signing: Option<CdnSigning>,
    /// When it was created.
    pub created_at: Option<OffsetDateTime>,
    /// When it was changed last.
    pub updated_at: Option<OffsetDateTime>,
}

/// A CDN to be.
#[derive(Debug, Clone)]
pub struct NewCdn {
    /// Its label.
    pub label: CdnLabel,
    /// Its name for people.
    pub name: Option<String>,
    /// Its base URL.
    pub url: CdnUrl,
    /// Its own certificates.
    pub certificate: Option<CertificateBundle>,
    /// How its URLs are signed.
    pub signing: Option<SigningChange>,
}

/// What is to change of a CDN; what is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct CdnChange {
    /// Its name.
    pub name: Option<Option<String>>,
    /// Its base URL.
    pub url: Option<CdnUrl>,
    /// Its own certificates.
    pub certificate: Option<Option<CertificateBundle>>,
    /// How its URLs are signed.
    pub signing: Option<Option<SigningChange>>,
}

impl Store {
    /// The operator's CDNs by label, those behind `after`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn cdns(&self, after: Option<&str>, limit: u64) -> Result<Page<Cdn>> {
        let mut query = operators().order_by_asc(cdns::Column::Label);
        if let Some(after) = after {
            query = query.filter(cdns::Column::Label.gt(after));
        }
        let rows = query.limit(limit + 1).all(&self.database).await?;
        let page = Page::of(rows, limit);
        Ok(Page {
            items: shown(&self.database, page.items).await?,
            more: page.more,
        })
    }

    /// The operator's CDN of this label.
    ///
    /// # Errors
    /// [`StorageError::NotFound`].
    pub async fn cdn(&self, label: &CdnLabel) -> Result<Cdn> {
        let row = of_label(label).one(&self.database).await?;
        shown_one(&self.database, row.ok_or_else(|| not_found(label))?).await
    }

    /// Creates a CDN. Owners that named its label before follow it from now on.
    ///
    /// # Errors
    /// [`StorageError::Taken`] where the operator has one of this label; [`StorageError::CdnSigning`]
    /// where nothing could be signed so.
    pub async fn create_cdn(&self, new: &NewCdn, by: &Actor) -> Result<Cdn> {
        let (transaction, now) = (self.write().await?, Some(times::kept(by.at)));
        let row = cdns::ActiveModel {
            id: NotSet,
            owner_id: Set(None),
            label: Set(new.label.to_string()),
            name: Set(new.name.clone()),
            url: Set(new.url.as_given().to_owned()),
            normalized_url: Set(new.url.normalized().to_owned()),
            certificate: Set(pem(new.certificate.as_ref())),
            created_at: Set(now),
            updated_at: Set(now),
        };
        let row = row.insert(&*transaction).await.map_err(|error| {
            if is_duplicate(&error) {
                let (what, name) = ("CDN", new.label.to_string());
                return StorageError::Taken { what, name };
            }
            error.into()
        })?;
        let signing = match &new.signing {
            Some(signing) => {
                self.set_signing(&transaction, &row, Some(signing), by)
                    .await?
            }
            None => None,
        };
        let event = by.did("cdn.create").on(new.label.as_str());
        finish(transaction, row, event, signing).await
    }

    /// Changes a CDN, and with it the answers of every owner that follows it.
    ///
    /// # Errors
    /// [`StorageError::NotFound`]; [`StorageError::CdnSigning`] where nothing could be signed so.
    pub async fn update_cdn(
        &self,
        label: &CdnLabel,
        change: &CdnChange,
        by: &Actor,
    ) -> Result<Cdn> {
        let transaction = self.write().await?;
        let row = of_label(label).lock(LockType::NoKeyUpdate);
        let row = row.one(&*transaction).await?;
        let mut row = row.ok_or_else(|| not_found(label))?.into_active_model();
        if let Some(name) = &change.name {
            row.name = Set(name.clone());
        }
        if let Some(url) = &change.url {
            row.url = Set(url.as_given().to_owned());
            row.normalized_url = Set(url.normalized().to_owned());
        }
        if let Some(certificate) = &change.certificate {
            row.certificate = Set(pem(certificate.as_ref()));
        }
        row.updated_at = Set(Some(times::kept(by.at)));
        let row = row.update(&*transaction).await?;
        let signing = match &change.signing {
            Some(signing) => {
                self.set_signing(&transaction, &row, signing.as_ref(), by)
                    .await?
            }
            None => None,
        };
        let event = by.did("cdn.update").on(label.as_str());
        finish(transaction, row, event, signing).await
    }

    /// Deletes a CDN; says whether there was one.
    ///
    /// # Errors
    /// [`StorageError::InUse`] while owners follow its label, by their import or by their own setting.
    pub async fn delete_cdn(&self, label: &CdnLabel, by: &Actor) -> Result<bool> {
        let transaction = self.write().await?;
        // Whoever points an owner at it holds the row as well: one of the two comes first.
        let row = of_label(label).lock(LockType::Update);
        let Some(row) = row.one(&*transaction).await? else {
            self.changes.all_changed();
            return Ok(false);
        };
        refuse_while_followed(&*transaction, label).await?;
        cdns::Entity::delete_by_id(row.id)
            .exec(&*transaction)
            .await?;
        transaction.cdns_changed().await?;
        let event = by.did("cdn.delete").on(label.as_str());
        transaction.commit(event).await?;
        Ok(true)
    }
}

/// What ends every change of a CDN: the word to all nodes, and the audit log.
async fn finish(
    transaction: WriteTransaction,
    row: cdns::Model,
    event: Event,
    signing: Option<Event>,
) -> Result<Cdn> {
    transaction.cdns_changed().await?;
    let event = event.detail(row.url.as_str());
    let cdn = shown_one(&*transaction, row).await?;
    let events = [event].into_iter().chain(signing);
    transaction.commit_all(events.collect()).await?;
    Ok(cdn)
}

fn operators() -> Select<cdns::Entity> {
    cdns::Entity::find().filter(cdns::Column::OwnerId.is_null())
}

fn of_label(label: &CdnLabel) -> Select<cdns::Entity> {
    operators().filter(cdns::Column::Label.eq(label.as_str()))
}

fn pem(bundle: Option<&CertificateBundle>) -> Option<String> {
    bundle.map(|bundle| bundle.as_pem().to_owned())
}

pub(crate) fn not_found(label: &CdnLabel) -> StorageError {
    StorageError::NotFound {
        what: "CDN",
        name: label.to_string(),
    }
}

async fn shown_one(connection: &impl ConnectionTrait, row: cdns::Model) -> Result<Cdn> {
    let signing = signings(connection, &[row.id]).await?.remove(&row.id);
    from_row(row, signing)
}

async fn shown(connection: &impl ConnectionTrait, rows: Vec<cdns::Model>) -> Result<Vec<Cdn>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut signings = signings(connection, &ids).await?;
    let cdns = rows.into_iter().map(|row| {
        let signing = signings.remove(&row.id);
        from_row(row, signing)
    });
    cdns.collect()
}

fn from_row(row: cdns::Model, signing: Option<CdnSigning>) -> Result<Cdn> {
    let corrupt = |_| StorageError::Corrupt {
        table: "cdns",
        column: "label",
        row: row.id.to_string(),
    };
    Ok(Cdn {
        id: row.id,
        label: row.label.parse().map_err(corrupt)?,
        name: row.name,
        url: row.url,
        certificate: row.certificate,
        signing,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
