//! What a dry run would change, collected while it does the work of an import: rows before and after
//! are compared, and no more of them are read than the list keeps. A real import has none of this.

use std::collections::HashMap;

use portolan_domain::{
    import::{Change, ChangeAction, ChangeKind, Changes, FieldChange, FieldValue, Fields},
    manifest::Entitlement,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use time::OffsetDateTime;

use super::rows::key_place;
use crate::{
    entity::{entitlements, pools},
    error::Result,
    seal::SealingKey,
    times,
};

/// The changes of a dry run; none are collected otherwise.
#[derive(Default)]
pub(super) struct Plan(Option<Changes>);

pub(super) fn text(value: Option<&str>) -> Option<FieldValue> {
    value.map(|value| FieldValue::Text(value.to_owned()))
}

pub(super) fn time(value: Option<OffsetDateTime>) -> Option<FieldValue> {
    // As it would be read back: else a finer time would look like a change.
    value.map(times::kept).map(FieldValue::Time)
}

impl Plan {
    /// The plan of an import that is a dry run, or is not.
    pub fn of(dry_run: bool) -> Self {
        Self(dry_run.then(Changes::default))
    }

    /// What was collected.
    pub fn take(&mut self) -> Changes {
        self.0.take().unwrap_or_default()
    }

    /// Entitlements that are new, and those whose stored form is another one.
    pub async fn entitlements(
        &mut self,
        connection: &impl ConnectionTrait,
        (owner, sealing): (i64, &SealingKey),
        new: impl Iterator<Item = &Entitlement>,
        changed: impl Iterator<Item = &Entitlement>,
    ) -> Result<()> {
        let Some(told) = &mut self.0 else {
            return Ok(());
        };
        let kind = ChangeKind::Entitlement;
        let new: Vec<&Entitlement> = new.collect();
        for entitlement in told.listed(kind, &new) {
            let after = Some(manifest_fields(entitlement));
            told.compare(kind, entitlement.id.as_str(), None, after);
        }
        let changed: Vec<&Entitlement> = changed.collect();
        let listed = told.listed(kind, &changed);
        let ids = listed.iter().map(|entitlement| entitlement.id.as_str());
        let before = entitlement_rows(connection, owner, ids).await?;
        let before: HashMap<_, _> = before
            .into_iter()
            .map(|row| (row.id.clone(), row))
            .collect();
        for entitlement in listed {
            if let Some(before) = before.get(entitlement.id.as_str()) {
                told.push(updated(before, entitlement, sealing));
            }
        }
        Ok(())
    }

    /// Entitlements that are about to be removed.
    pub async fn removed_entitlements(
        &mut self,
        connection: &impl ConnectionTrait,
        owner: i64,
        ids: &[String],
    ) -> Result<()> {
        let Some(told) = &mut self.0 else {
            return Ok(());
        };
        let listed = told.listed(ChangeKind::Entitlement, ids);
        let ids = listed.iter().map(String::as_str);
        for row in entitlement_rows(connection, owner, ids).await? {
            told.compare(
                ChangeKind::Entitlement,
                &row.id,
                Some(row_fields(&row)),
                None,
            );
        }
        Ok(())
    }

    /// A pool that is about to be written.
    pub fn pool(&mut self, before: Option<&pools::Model>, after: &pools::Model) {
        if let Some(told) = &mut self.0 {
            let (id, before) = (&after.id, before.map(pool_fields));
            told.compare(ChangeKind::Pool, id, before, Some(pool_fields(after)));
        }
    }

    /// Pools that are about to be removed.
    pub async fn removed_pools(
        &mut self,
        connection: &impl ConnectionTrait,
        owner: i64,
        ids: &[String],
    ) -> Result<()> {
        let Some(told) = &mut self.0 else {
            return Ok(());
        };
        let listed = told.listed(ChangeKind::Pool, ids);
        if listed.is_empty() {
            return Ok(());
        }
        let rows = pools::Entity::find()
            .filter(pools::Column::OwnerId.eq(owner))
            .filter(pools::Column::Id.is_in(listed))
            .order_by_asc(pools::Column::Id)
            .all(connection)
            .await?;
        for row in rows {
            told.compare(ChangeKind::Pool, &row.id, Some(pool_fields(&row)), None);
        }
        Ok(())
    }
}

async fn entitlement_rows(
    connection: &impl ConnectionTrait,
    owner: i64,
    ids: impl ExactSizeIterator<Item = &str>,
) -> Result<Vec<entitlements::Model>> {
    if ids.len() == 0 {
        return Ok(Vec::new());
    }
    let rows = entitlements::Entity::find()
        .filter(entitlements::Column::OwnerId.eq(owner))
        .filter(entitlements::Column::Id.is_in(ids))
        .order_by_asc(entitlements::Column::Id)
        .all(connection);
    Ok(rows.await?)
}

/// An entitlement's fields but its certificate's text and key, which are never shown.
fn row_fields(row: &entitlements::Model) -> Fields {
    vec![
        ("poolId", text(Some(&row.pool_id))),
        ("quantity", Some(FieldValue::Number(row.quantity))),
        ("startDate", time(row.starts_at)),
        ("endDate", time(row.ends_at)),
        ("serial", text(row.serial.as_deref())),
        ("notBefore", time(row.not_before)),
        ("notAfter", time(row.not_after)),
    ]
}

fn manifest_fields(entitlement: &Entitlement) -> Fields {
    let certificate = entitlement.certificate.as_ref();
    vec![
        ("poolId", text(Some(entitlement.pool.id.as_str()))),
        ("quantity", Some(FieldValue::Number(entitlement.quantity))),
        ("startDate", time(entitlement.starts_at)),
        ("endDate", time(entitlement.ends_at)),
        ("serial", text(certificate.map(|c| c.serial.as_str()))),
        ("notBefore", time(certificate.map(|c| c.not_before))),
        ("notAfter", time(certificate.map(|c| c.not_after))),
    ]
}

fn updated(before: &entitlements::Model, after: &Entitlement, sealing: &SealingKey) -> Change {
    let (kind, id) = (ChangeKind::Entitlement, after.id.as_str());
    let (old, new) = (Some(row_fields(before)), Some(manifest_fields(after)));
    let mut change = Change::between(kind, id, old, new).unwrap_or_else(|| Change {
        action: ChangeAction::Updated,
        kind,
        id: id.to_owned(),
        fields: Vec::new(),
    });
    let certificate = after.certificate.as_ref();
    if before.cert.as_deref() != certificate.map(|c| c.cert.as_str()) {
        change.fields.push(FieldChange::hidden("certificate"));
    }
    let key = certificate.and_then(|c| c.key.as_ref());
    let sealed = before.key_sealed.as_deref();
    // A key that cannot be opened will be replaced, whatever it was.
    let stored = sealed.map(|sealed| sealing.open(sealed, key_place(before.owner_id, id)).ok());
    let same = match (stored, key) {
        (None, None) => true,
        (Some(Some(stored)), Some(key)) => stored[..] == *key.expose().as_bytes(),
        _ => false,
    };
    if !same {
        change.fields.push(FieldChange::hidden("key"));
    }
    change
}

fn pool_fields(row: &pools::Model) -> Fields {
    vec![
        ("productId", text(row.product_id.as_deref())),
        ("productName", text(row.product_name.as_deref())),
        ("contractNumber", text(row.contract_number.as_deref())),
        ("accountNumber", text(row.account_number.as_deref())),
        ("orderNumber", text(row.order_number.as_deref())),
        ("quantity", Some(FieldValue::Number(row.quantity))),
        ("startDate", time(row.starts_at)),
        ("endDate", time(row.ends_at)),
    ]
}
