//! Reads the audit log, newest first.

use portolan_domain::ids::OwnerKey;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
use time::OffsetDateTime;

use crate::{
    entity::audit_log,
    error::Result,
    store::{Page, Store},
};

/// One row as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number, by which lists go on.
    pub id: i64,
    /// The node that wrote it.
    pub node: String,
    /// Its place in the node's chain, from 1.
    pub sequence: i64,
    /// When.
    pub at: OffsetDateTime,
    /// By what the principal is known.
    pub principal_kind: String,
    /// Who.
    pub principal: String,
    /// What, as `resource.verb`.
    pub action: String,
    /// Whose data it touched.
    pub owner_key: Option<String>,
    /// What it touched.
    pub subject: Option<String>,
    /// `success`, `refused`, `failed` or `unknown`.
    pub outcome: String,
    /// More in words.
    pub detail: Option<String>,
    /// How many times.
    pub count: i64,
    /// The request's id.
    pub request_id: Option<String>,
    /// Where the request came from.
    pub address: Option<String>,
    /// The row's hash, in hexadecimal.
    pub hash: String,
}

/// Which rows are asked for.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter<'a> {
    /// Those of these owners alone.
    pub owners: Option<&'a [OwnerKey]>,
    /// Those of this principal.
    pub principal: Option<&'a str>,
    /// Those of this action.
    pub action: Option<&'a str>,
    /// Those of this instant and later.
    pub since: Option<OffsetDateTime>,
    /// Those before this instant.
    pub until: Option<OffsetDateTime>,
    /// Those older than the row with this number.
    pub before: Option<i64>,
}

impl Store {
    /// Rows of the audit log, newest first.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn audit_log(&self, filter: &AuditFilter<'_>, limit: u64) -> Result<Page<AuditRow>> {
        use audit_log::Column;
        let owners = filter
            .owners
            .map(|owners| owners.iter().map(OwnerKey::as_str));
        let rows = audit_log::Entity::find()
            .apply_if(owners, |query, owners| {
                query.filter(Column::OwnerKey.is_in(owners))
            })
            .apply_if(filter.principal, |query, name| {
                query.filter(Column::Principal.eq(name))
            })
            .apply_if(filter.action, |query, action| {
                query.filter(Column::Action.eq(action))
            })
            .apply_if(filter.since, |query, since| {
                query.filter(Column::At.gte(since))
            })
            .apply_if(filter.until, |query, until| {
                query.filter(Column::At.lt(until))
            })
            .apply_if(filter.before, |query, before| {
                query.filter(Column::Id.lt(before))
            })
            .order_by_desc(Column::Id)
            .limit(limit + 1)
            .all(&self.database)
            .await?;
        let rows = rows.into_iter().map(AuditRow::from).collect();
        Ok(Page::of(rows, limit))
    }
}

impl From<audit_log::Model> for AuditRow {
    fn from(row: audit_log::Model) -> Self {
        Self {
            id: row.id,
            node: row.node,
            sequence: row.sequence,
            at: row.at,
            principal_kind: row.principal_kind,
            principal: row.principal,
            action: row.action,
            owner_key: row.owner_key,
            subject: row.subject,
            outcome: row.outcome,
            detail: row.detail,
            count: row.count,
            request_id: row.request_id,
            address: row.address,
            hash: row.hash,
        }
    }
}
