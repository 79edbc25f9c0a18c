//! Revokes.

use std::collections::{BTreeMap, HashMap};

use portolan_domain::token::{Revocation, Revoked};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    sea_query::OnConflict,
};
use time::OffsetDateTime;

use super::{ISSUED_BEFORE, JTI, Key, SUB, USER, key, revocation};
use crate::{
    audit::{Actor, Event},
    entity::{issued_tokens, revocations},
    error::Result,
    generation::take_revocation_numbers,
    store::Store,
    times,
};

/// Rows in one statement: far below the parameters that SQLite takes.
const AT_ONCE: usize = 500;

/// What is to be revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRevocation {
    /// What.
    pub what: Revoked,
    /// When the last token ends that it hits, where somebody knows.
    pub expires_at: Option<OffsetDateTime>,
}

impl NewRevocation {
    /// Of what nobody knows when it ends.
    #[must_use]
    pub const fn of(what: Revoked) -> Self {
        Self {
            what,
            expires_at: None,
        }
    }
}

impl Store {
    /// Revokes, all or none, and answers what now counts. When a token ends that was made by hand is
    /// known here. What is revoked already stays so: an id since the first time; a subject or a user
    /// until the last; and `issuedBefore` never goes back.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn revoke_tokens(
        &self,
        wanted: Vec<NewRevocation>,
        by: &Actor,
    ) -> Result<Vec<Revocation>> {
        let wanted: BTreeMap<Key, NewRevocation> = wanted
            .into_iter()
            .map(|new| (key(&new.what), new))
            .collect();
        let count = i64::try_from(wanted.len()).unwrap_or(i64::MAX);
        let transaction = self.write().await?;
        let mut number = take_revocation_numbers(&transaction, count).await?;
        let mut known = known(&transaction, &wanted).await?;
        let ends = ends(&transaction, &wanted).await?;
        let (mut rows, mut events) = (Vec::new(), Vec::new());
        for (key, new) in &wanted {
            let end = new.expires_at.or_else(|| ends.get(&key.1).copied());
            let fresh = row(key, new, end, number, by.at);
            rows.push(match known.remove(key) {
                Some(known) => merged(&known, fresh),
                None => fresh,
            });
            events.push(event(key, new, by));
            number += 1;
        }
        for chunk in rows.chunks(AT_ONCE) {
            put(&transaction, chunk).await?;
        }
        forget_what_is_older(&transaction, &rows).await?;
        transaction.commit_all(events).await?;
        rows.iter().map(revocation).collect()
    }

    /// Forgets the ids whose tokens have all ended by then. Nobody asked for it, so the audit log has
    /// nothing of it.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn forget_revocations(&self, ended_at: OffsetDateTime) -> Result<()> {
        let transaction = self.write().await?;
        revocations::Entity::delete_many()
            .filter(revocations::Column::ExpiresAt.lte(times::kept(ended_at)))
            .exec(&*transaction)
            .await?;
        transaction.commit_housekeeping().await
    }
}

/// What is there already of what is to be revoked.
async fn known(
    transaction: &DatabaseTransaction,
    wanted: &BTreeMap<Key, NewRevocation>,
) -> Result<HashMap<Key, revocations::Model>> {
    let mut known = HashMap::new();
    for kind in [JTI, SUB, USER, ISSUED_BEFORE] {
        for values in values(wanted, kind).chunks(AT_ONCE) {
            let rows = revocations::Entity::find()
                .filter(revocations::Column::Kind.eq(kind))
                .filter(revocations::Column::Value.is_in(values.iter().copied()))
                .all(transaction)
                .await?;
            known.extend(rows.into_iter().map(|row| ((kind, row.value.clone()), row)));
        }
    }
    Ok(known)
}

/// When those of the tokens end that were made by hand.
async fn ends(
    transaction: &DatabaseTransaction,
    wanted: &BTreeMap<Key, NewRevocation>,
) -> Result<HashMap<String, OffsetDateTime>> {
    let mut ends = HashMap::new();
    for jtis in values(wanted, JTI).chunks(AT_ONCE) {
        let rows: Vec<(String, OffsetDateTime)> = issued_tokens::Entity::find()
            .select_only()
            .columns([issued_tokens::Column::Jti, issued_tokens::Column::ExpiresAt])
            .filter(issued_tokens::Column::Jti.is_in(jtis.iter().copied()))
            .into_tuple()
            .all(transaction)
            .await?;
        ends.extend(rows);
    }
    Ok(ends)
}

fn values<'a>(wanted: &'a BTreeMap<Key, NewRevocation>, kind: &str) -> Vec<&'a str> {
    let of_kind = wanted.keys().filter(|(of, _)| *of == kind);
    of_kind.map(|(_, value)| value.as_str()).collect()
}

fn row(
    (kind, value): &Key,
    new: &NewRevocation,
    end: Option<OffsetDateTime>,
    number: i64,
    at: OffsetDateTime,
) -> revocations::Model {
    let issued_before = match &new.what {
        Revoked::IssuedBefore(instant) => Some(times::kept(*instant)),
        Revoked::Jti(_) | Revoked::Sub(_) | Revoked::User(_) => None,
    };
    revocations::Model {
        kind: (*kind).to_owned(),
        value: value.clone(),
        at: times::kept(at),
        issued_before,
        // What has no id of its own may hit tokens that nobody here knows.
        expires_at: end.filter(|_| *kind == JTI).map(times::kept),
        number,
    }
}

/// One row out of two: nothing that was revoked is taken back.
fn merged(known: &revocations::Model, fresh: revocations::Model) -> revocations::Model {
    let at = match known.kind.as_str() {
        JTI => known.at,
        _ => known.at.max(fresh.at),
    };
    let end = known.expires_at.zip(fresh.expires_at);
    revocations::Model {
        at,
        issued_before: known.issued_before.max(fresh.issued_before),
        expires_at: end.map(|(known, fresh)| known.max(fresh)),
        ..fresh
    }
}

async fn put(transaction: &DatabaseTransaction, rows: &[revocations::Model]) -> Result<()> {
    use revocations::Column::{At, ExpiresAt, IssuedBefore, Kind, Number, Value};
    let again = OnConflict::columns([Kind, Value])
        .update_columns([At, ExpiresAt, IssuedBefore, Number])
        .to_owned();
    let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
    revocations::Entity::insert_many::<revocations::ActiveModel, _>(rows)
        .on_conflict(again)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Subjects and users of which `issuedBefore` hits all the same matter no more.
async fn forget_what_is_older(
    transaction: &DatabaseTransaction,
    rows: &[revocations::Model],
) -> Result<()> {
    let Some(instant) = rows.iter().find_map(|row| row.issued_before) else {
        return Ok(());
    };
    revocations::Entity::delete_many()
        .filter(revocations::Column::Kind.is_in([SUB, USER]))
        .filter(revocations::Column::At.lt(instant))
        .exec(transaction)
        .await?;
    Ok(())
}

fn event((kind, value): &Key, new: &NewRevocation, by: &Actor) -> Event {
    let subject = match &new.what {
        Revoked::IssuedBefore(instant) => times::shown(*instant),
        _ => value.clone(),
    };
    by.did("token.revoke").on(subject).detail(*kind)
}
