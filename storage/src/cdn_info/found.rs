//! What the database has of an entitlement, in one statement by its key, which tells the state of its owner, too;
//! and of an owner, which is asked for only where that state is another one than was remembered.

use portolan_domain::ids::OwnerKey;
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};
use time::OffsetDateTime;

use super::known::Seen;
use crate::{
    entity::entitlements,
    error::{Result, StorageError},
    owner_cdn::Said,
    upstream_consumers::{RecordedCa, recorded},
};

const UPSTREAM: &str = "\
    SELECT o.id, o.generation, g.value, \
           e.id, e.pool_id, e.cert, e.key_sealed, e.serial, e.not_before, e.not_after \
    FROM entitlements AS e, owners AS o, generations AS g \
    WHERE e.id = $1 AND o.id = e.owner_id AND g.name = 'cdns'";
const DOWNSTREAM: &str = "\
    SELECT o.id, o.generation, g.value, d.pool_id, d.upstream_id \
    FROM downstream_entitlements AS d, owners AS o, generations AS g \
    WHERE d.id = $1 AND o.id = d.owner_id AND g.name = 'cdns'";
const STATE: &str = "\
    SELECT o.id, o.generation, g.value \
    FROM owners AS o, generations AS g WHERE o.id = $1 AND g.name = 'cdns'";
const STATE_BY_KEY: &str = "\
    SELECT o.id, o.generation, g.value \
    FROM owners AS o, generations AS g WHERE o.key = $1 AND g.name = 'cdns'";
const OWNER: &str = "\
    SELECT o.id, o.generation, g.value, \
           o.key, o.data_key_sealed, o.cdn_url, o.cdn_label, \
           c.uuid, c.cdn_url, c.cdn_label, c.ca_filename, c.ca_sha256, c.ca_spki_sha256, \
           EXISTS (SELECT 1 FROM cdns WHERE owner_id IS NULL) \
    FROM generations AS g, owners AS o LEFT JOIN upstream_consumers AS c ON c.owner_id = o.id \
    WHERE o.id = $1 AND g.name = 'cdns'";

/// An owner, and what it imported.
pub(super) struct FoundOwner {
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

/// An entitlement of either kind.
pub(super) enum Found {
    Upstream(UpstreamRow),
    Downstream(Registered),
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

/// An entitlement by its id, and the state of its owner at the same moment.
pub(super) async fn entitlement(
    connection: &impl ConnectionTrait,
    id: &str,
) -> Result<Option<(Seen, Found)>> {
    if let Some(row) = one(connection, UPSTREAM, id.into()).await? {
        let upstream = UpstreamRow {
            id: row.try_get_by_index(3)?,
            pool_id: row.try_get_by_index(4)?,
            cert: row.try_get_by_index(5)?,
            key_sealed: row.try_get_by_index(6)?,
            serial: row.try_get_by_index(7)?,
            not_before: row.try_get_by_index(8)?,
            not_after: row.try_get_by_index(9)?,
        };
        return Ok(Some((seen(&row)?, Found::Upstream(upstream))));
    }
    let Some(row) = one(connection, DOWNSTREAM, id.into()).await? else {
        return Ok(None);
    };
    let registered = Registered {
        pool_id: row.try_get_by_index(3)?,
        upstream_id: row.try_get_by_index(4)?,
    };
    Ok(Some((seen(&row)?, Found::Downstream(registered))))
}

/// The state of an owner.
pub(super) async fn state(connection: &impl ConnectionTrait, id: i64) -> Result<Option<Seen>> {
    let row = one(connection, STATE, id.into()).await?;
    row.as_ref().map(seen).transpose()
}

/// The same, by its key.
pub(super) async fn state_by_key(
    connection: &impl ConnectionTrait,
    key: &OwnerKey,
) -> Result<Option<Seen>> {
    let row = one(connection, STATE_BY_KEY, key.as_str().into()).await?;
    row.as_ref().map(seen).transpose()
}

/// An owner, and its state at the same moment.
pub(super) async fn owner(
    connection: &impl ConnectionTrait,
    id: i64,
) -> Result<Option<(Seen, FoundOwner)>> {
    let Some(row) = one(connection, OWNER, id.into()).await? else {
        return Ok(None);
    };
    let own = (row.try_get_by_index(5)?, row.try_get_by_index(6)?);
    let uuid: Option<String> = row.try_get_by_index(7)?;
    let import = (row.try_get_by_index(8)?, row.try_get_by_index(9)?);
    let (filename, sha256, spki) = (
        row.try_get_by_index::<Option<String>>(10)?,
        row.try_get_by_index::<Option<String>>(11)?,
        row.try_get_by_index::<Option<String>>(12)?,
    );
    let imported = match uuid {
        None => None,
        Some(consumer_uuid) => Some(Imported {
            consumer_uuid,
            ca: recorded(id, (filename.as_ref(), sha256.as_ref(), spki.as_ref()))?,
        }),
    };
    let owner = FoundOwner {
        key: row.try_get_by_index(3)?,
        data_key_sealed: row.try_get_by_index(4)?,
        said: Said::of(own, imported.as_ref().map(|_| import)),
        operators: row.try_get_by_index(13)?,
        imported,
    };
    Ok(Some((seen(&row)?, owner)))
}

async fn one(
    connection: &impl ConnectionTrait,
    sql: &'static str,
    value: Value,
) -> Result<Option<QueryResult>> {
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, [value]);
    Ok(connection.query_one_raw(statement).await?)
}

fn seen(row: &QueryResult) -> Result<Seen> {
    Ok(Seen {
        owner: row.try_get_by_index(0)?,
        generation: row.try_get_by_index(1)?,
        cdns: row.try_get_by_index(2)?,
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

/// What cannot be read back of an owner's row.
pub(super) fn corrupt(owner: i64, column: &'static str) -> StorageError {
    StorageError::Corrupt {
        table: "owners",
        column,
        row: owner.to_string(),
    }
}
