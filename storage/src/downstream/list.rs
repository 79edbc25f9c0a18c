//! Entitlements of both kinds as people see them: never with a certificate's text or its key.

use portolan_domain::ids::{EntitlementId, OwnerKey, PoolId};
use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};
use time::OffsetDateTime;

use super::DOWNSTREAM;
use crate::{
    error::{Result, StorageError},
    imports::UPSTREAM,
    store::{Page, Store, owner_not_found},
};

/// Who knows an entitlement by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntitlementKind {
    /// A manifest brought it.
    Upstream,
    /// It was registered here.
    Downstream,
}

impl EntitlementKind {
    /// The kind's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upstream => UPSTREAM,
            Self::Downstream => DOWNSTREAM,
        }
    }
}

/// What is told of a certificate: neither its text nor its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateDates {
    /// Serial number, in decimal.
    pub serial: String,
    /// First valid instant.
    pub not_before: OffsetDateTime,
    /// Last valid instant.
    pub not_after: OffsetDateTime,
}

/// An entitlement of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntitlement {
    /// Its id.
    pub id: EntitlementId,
    /// Its kind.
    pub kind: EntitlementKind,
    /// Whose it is.
    pub owner: OwnerKey,
    /// Its pool; none where it stands for the owner as a whole.
    pub pool_id: Option<String>,
    /// An upstream one's own id; the one that a downstream one was registered for.
    pub upstream_id: Option<String>,
    /// How much it is of its pool; of an upstream one.
    pub quantity: Option<i64>,
    /// Its pool's product.
    pub product_id: Option<String>,
    /// That product's name.
    pub product_name: Option<String>,
    /// When it begins, or its pool does.
    pub starts_at: Option<OffsetDateTime>,
    /// When it ends, or its pool does.
    pub ends_at: Option<OffsetDateTime>,
    /// The certificate of an upstream one.
    pub certificate: Option<CertificateDates>,
    /// When a downstream one was registered.
    pub created_at: Option<OffsetDateTime>,
}

/// Which entitlements of an owner are wanted.
#[derive(Debug, Clone, Default)]
pub struct EntitlementFilter {
    /// Those of this kind.
    pub kind: Option<EntitlementKind>,
    /// Those of this pool.
    pub pool: Option<PoolId>,
}

#[derive(FromQueryResult)]
struct Row {
    id: String,
    owner_key: String,
    kind: String,
    pool_id: Option<String>,
    upstream_id: Option<String>,
    quantity: Option<i64>,
    product_id: Option<String>,
    product_name: Option<String>,
    starts_at: Option<OffsetDateTime>,
    ends_at: Option<OffsetDateTime>,
    serial: Option<String>,
    not_before: Option<OffsetDateTime>,
    not_after: Option<OffsetDateTime>,
    created_at: Option<OffsetDateTime>,
}

/// Everything but the texts and keys, which are large. An id whose entitlement is gone is none.
const SELECT: &str = "\
    SELECT i.id, o.key AS owner_key, i.kind, coalesce(e.pool_id, d.pool_id) AS pool_id, \
    coalesce(e.id, d.upstream_id) AS upstream_id, e.quantity, p.product_id, p.product_name, \
    CASE WHEN e.id IS NULL THEN p.starts_at ELSE e.starts_at END AS starts_at, \
    CASE WHEN e.id IS NULL THEN p.ends_at ELSE e.ends_at END AS ends_at, \
    e.serial, e.not_before, e.not_after, d.created_at \
    FROM entitlement_ids i JOIN owners o ON o.id = i.owner_id \
    LEFT JOIN entitlements e ON e.id = i.id AND e.owner_id = i.owner_id \
    LEFT JOIN downstream_entitlements d ON d.id = i.id AND d.owner_id = i.owner_id \
    LEFT JOIN pools p ON p.owner_id = i.owner_id AND p.id = coalesce(e.pool_id, d.pool_id) \
    WHERE (e.id IS NOT NULL OR d.id IS NOT NULL)";

/// The ids of a pool, of either kind, as many as a page has: each from its index.
const OF_POOL: &str = "\
    AND i.id IN (\
    SELECT id FROM (SELECT id FROM entitlements WHERE owner_id = $1 AND pool_id = $4 AND id > $2 \
    ORDER BY id LIMIT $3) AS of_upstream \
    UNION ALL SELECT id FROM (SELECT id FROM downstream_entitlements WHERE owner_id = $1 \
    AND pool_id = $4 AND id > $2 ORDER BY id LIMIT $3) AS of_downstream)";

impl Store {
    /// One entitlement of either kind, whoever's it is; none where it is unknown.
    ///
    /// # Errors
    /// [`StorageError`].
    pub async fn entitlement(&self, id: &EntitlementId) -> Result<Option<StoredEntitlement>> {
        let sql = format!("{SELECT} AND i.id = $1");
        let rows = select(&self.database, &sql, [id.as_str().into()]).await?;
        rows.into_iter().next().map(Row::into_stored).transpose()
    }

    /// An owner's entitlements by id, those behind `after`.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for an unknown owner.
    pub async fn entitlements(
        &self,
        owner: &OwnerKey,
        filter: &EntitlementFilter,
        after: Option<&EntitlementId>,
        limit: u64,
    ) -> Result<Page<StoredEntitlement>> {
        let owner = self.owner_row(&self.database, owner).await?;
        let after = after.map_or("", EntitlementId::as_str);
        let one_more = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let mut values: Vec<Value> = vec![owner.id.into(), after.into(), one_more.into()];
        let mut sql = format!("{SELECT} AND i.owner_id = $1 AND i.id > $2");
        if let Some(pool) = &filter.pool {
            sql = format!("{sql} {OF_POOL}");
            values.push(pool.as_str().into());
        }
        if let Some(kind) = filter.kind {
            values.push(kind.as_str().into());
            sql = format!("{sql} AND i.kind = ${}", values.len());
        }
        let sql = format!("{sql} ORDER BY i.id LIMIT $3");
        let rows = select(&self.database, &sql, values).await?;
        let items: Result<Vec<_>> = rows.into_iter().map(Row::into_stored).collect();
        Ok(Page::of(items?, limit))
    }
}

/// An entitlement of an owner that must be there.
pub(super) async fn entitlement_of(
    connection: &impl ConnectionTrait,
    owner: &OwnerKey,
    id: &EntitlementId,
) -> Result<StoredEntitlement> {
    let sql = format!("{SELECT} AND i.id = $1 AND o.key = $2");
    let values = [id.as_str().into(), owner.as_str().into()];
    let row = select(connection, &sql, values).await?.into_iter().next();
    row.ok_or_else(|| owner_not_found(owner))?.into_stored()
}

async fn select(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<Row>> {
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    Ok(Row::find_by_statement(statement).all(connection).await?)
}

impl Row {
    fn into_stored(self) -> Result<StoredEntitlement> {
        let corrupt = |column| StorageError::Corrupt {
            table: "entitlement_ids",
            column,
            row: self.id.clone(),
        };
        let kind = match self.kind.as_str() {
            UPSTREAM => EntitlementKind::Upstream,
            DOWNSTREAM => EntitlementKind::Downstream,
            _ => return Err(corrupt("kind")),
        };
        let dates = (self.serial, self.not_before, self.not_after);
        let certificate = match dates {
            (Some(serial), Some(not_before), Some(not_after)) => Some(CertificateDates {
                serial,
                not_before,
                not_after,
            }),
            _ => None,
        };
        Ok(StoredEntitlement {
            kind,
            owner: self.owner_key.parse().map_err(|_| corrupt("owner_id"))?,
            id: self.id.parse().map_err(|_| corrupt("id"))?,
            pool_id: self.pool_id,
            upstream_id: self.upstream_id,
            quantity: self.quantity,
            product_id: self.product_id,
            product_name: self.product_name,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            certificate,
            created_at: self.created_at,
        })
    }
}
