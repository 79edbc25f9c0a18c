//! One statement for what most answers need: an entitlement, its owner, and the owner's import, as they were at
//! one moment.

use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use time::OffsetDateTime;

use crate::{
    entity::entitlements,
    error::{Result, StorageError},
    owner_cdn::Said,
    upstream_consumers::{RecordedCa, recorded},
};

/// What is read of every answer, behind `owners AS o`; `{}` goes before it.
macro_rules! statement {
    ($columns:literal, $from:literal, $where:literal) => {
        concat!(
            "SELECT o.id, o.key, o.data_key_sealed, o.cdn_url, o.cdn_label, c.uuid, c.cdn_url, c.cdn_label, \
             c.ca_filename, c.ca_sha256, c.ca_spki_sha256, \
             EXISTS (SELECT 1 FROM cdns WHERE owner_id IS NULL)",
            $columns,
            " FROM ",
            $from,
            "owners AS o LEFT JOIN upstream_consumers AS c ON c.owner_id = o.id WHERE ",
            $where
        )
    };
}

const BY_UPSTREAM: &str = statement!(
    ", e.id, e.pool_id, e.cert, e.key_sealed, e.serial, e.not_before, e.not_after",
    "entitlements AS e, ",
    "e.id = $1 AND o.id = e.owner_id"
);
const BY_DOWNSTREAM: &str = statement!(
    ", d.pool_id, d.upstream_id",
    "downstream_entitlements AS d, ",
    "d.id = $1 AND o.id = d.owner_id"
);
const BY_OWNER: &str = statement!("", "", "o.key = $1");
/// Where the statement's own columns begin.
const OWN: usize = 12;

/// An owner, and what it imported.
pub(super) struct FoundOwner {
    pub id: i64,
    pub key: String,
    pub data_key_sealed: Vec<u8>,
    pub said: Said,
    /// Whether the operator has any CDN at all.
    pub operators: bool,
    /// None where it has imported nothing.
    pub imported: Option<Imported>,
}

/// What an answer tells of an import.
pub(super) struct Imported {
    pub consumer_uuid: String,
    pub ca: Option<RecordedCa>,
}

/// An upstream entitlement, with its certificate as it is stored.
pub(crate) struct UpstreamRow {
    pub id: String,
    pub pool_id: String,
    pub cert: Option<String>,
    pub key_sealed: Option<Vec<u8>>,
    pub serial: Option<String>,
    pub not_before: Option<OffsetDateTime>,
    pub not_after: Option<OffsetDateTime>,
}

/// Where a downstream entitlement comes from.
pub(super) struct Registered {
    pub pool_id: Option<String>,
    pub upstream_id: Option<String>,
}

/// An upstream entitlement by its id.
pub(super) async fn by_upstream(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<(FoundOwner, UpstreamRow)>> {
    let Some(row) = one(connection, BY_UPSTREAM, id).await? else {
        return Ok(None);
    };
    let upstream = UpstreamRow {
        id: row.try_get_by_index(OWN)?,
        pool_id: row.try_get_by_index(OWN + 1)?,
        cert: row.try_get_by_index(OWN + 2)?,
        key_sealed: row.try_get_by_index(OWN + 3)?,
        serial: row.try_get_by_index(OWN + 4)?,
        not_before: row.try_get_by_index(OWN + 5)?,
        not_after: row.try_get_by_index(OWN + 6)?,
    };
    Ok(Some((owner(&row)?, upstream)))
}

/// A downstream entitlement by its id.
pub(super) async fn by_downstream(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<(FoundOwner, Registered)>> {
    let Some(row) = one(connection, BY_DOWNSTREAM, id).await? else {
        return Ok(None);
    };
    let registered = Registered {
        pool_id: row.try_get_by_index(OWN)?,
        upstream_id: row.try_get_by_index(OWN + 1)?,
    };
    Ok(Some((owner(&row)?, registered)))
}

/// An owner by its key.
pub(super) async fn by_owner(
    connection: &impl ConnectionTrait,
    key: &str,
) -> Result<Option<FoundOwner>> {
    let row = one(connection, BY_OWNER, key).await?;
    row.as_ref().map(owner).transpose()
}

async fn one(
    connection: &impl ConnectionTrait,
    sql: &'static str,
    value: &str,
) -> Result<Option<QueryResult>> {
    let values: [Value; 1] = [value.into()];
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    Ok(connection.query_one_raw(statement).await?)
}

fn owner(row: &QueryResult) -> Result<FoundOwner> {
    let id = row.try_get_by_index(0)?;
    let uuid: Option<String> = row.try_get_by_index(5)?;
    let own = (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
    let import = (row.try_get_by_index(6)?, row.try_get_by_index(7)?);
    let (filename, sha256, spki) = (
        row.try_get_by_index::<Option<String>>(8)?,
        row.try_get_by_index::<Option<String>>(9)?,
        row.try_get_by_index::<Option<String>>(10)?,
    );
    let imported = match uuid {
        None => None,
        Some(consumer_uuid) => Some(Imported {
            consumer_uuid,
            ca: recorded(id, (filename.as_ref(), sha256.as_ref(), spki.as_ref()))?,
        }),
    };
    Ok(FoundOwner {
        id,
        key: row.try_get_by_index(1)?,
        data_key_sealed: row.try_get_by_index(2)?,
        said: Said::of(own, imported.as_ref().map(|_| import)),
        operators: row.try_get_by_index(11)?,
        imported,
    })
}

impl From<entitlements::Model> for UpstreamRow {
    fn from(row: entitlements::Model) -> Self {
        Self {
            id: row.id,
            pool_id: row.pool_id,
            cert: row.cert,
            key_sealed: row.key_sealed,
            serial: row.serial,
            not_before: row.not_before,
            not_after: row.not_after,
        }
    }
}

impl FoundOwner {
    /// What cannot be read back of its row.
    pub fn corrupt(&self, column: &'static str) -> StorageError {
        StorageError::Corrupt {
            table: "owners",
            column,
            row: self.id.to_string(),
        }
    }
}
