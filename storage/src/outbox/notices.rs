//! Says once that certificates end soon: of each owner and kind, at 30, 7 and 1 days before.
//!
//! What was said is kept as how many end within the threshold, those that have ended included, and the
//! last of them. Both only grow as time goes by, so that more of either is news, whoever looks; less of
//! them is a renewal, which is noted and not told.

use std::collections::HashMap;

use portolan_domain::expiry::CertificateKind;
use sea_orm::{
    ConnectionTrait, EntityTrait, QuerySelect, Set, Statement,
    sea_query::{LockType, OnConflict},
};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::{append, message};
use crate::{
    entity::{expiry_notices, generations},
    error::Result,
    store::Store,
    times,
    write::WriteTransaction,
};

/// Days before the end.
const THRESHOLDS: [i32; 3] = [30, 7, 1];
/// The row that one node at a time holds while it looks.
const LOCK: &str = "expiry-notices";
/// Rows that are written at once.
const BATCH: usize = 500;

/// By owner: all that end until `$2`, the last of them; those that have not ended at `$1`, the first of
/// them. Placeholders of both engines.
const ENTITLEMENTS: &str = "SELECT o.key AS owner, count(*) AS count, max(e.not_after) AS last, \
     sum(CASE WHEN e.not_after >= $1 THEN 1 ELSE 0 END) AS pending, \
     min(CASE WHEN e.not_after >= $1 THEN e.not_after END) AS first \
     FROM entitlements e JOIN owners o ON o.id = e.owner_id WHERE e.not_after <= $2 GROUP BY o.key";
const IDENTITIES: &str = "SELECT o.key AS owner, count(*) AS count, max(u.identity_not_after) AS last, \
     sum(CASE WHEN u.identity_not_after >= $1 THEN 1 ELSE 0 END) AS pending, \
     min(CASE WHEN u.identity_not_after >= $1 THEN u.identity_not_after END) AS first \
     FROM upstream_consumers u JOIN owners o ON o.id = u.owner_id \
     WHERE u.identity_not_after <= $2 GROUP BY o.key";

/// What ends within a threshold, of one owner and kind.
struct Ending {
    owner: String,
    kind: CertificateKind,
    count: i64,
    last: OffsetDateTime,
    pending: i64,
    first: Option<OffsetDateTime>,
}

type Told = HashMap<(String, String, i32), (i64, OffsetDateTime)>;

impl Store {
    /// Keeps messages of what has come to end soon, and says how many. `others` are the ends of
    /// certificates that no owner has.
    ///
    /// # Errors
    /// [`crate::StorageError`]; then nothing counts as told.
    pub async fn tell_expiring(
        &self,
        others: &[(CertificateKind, OffsetDateTime)],
        now: OffsetDateTime,
    ) -> Result<usize> {
        if !self.outbox.expiry {
            return Ok(0);
        }
        // Whole seconds, as certificates have them: SQLite compares texts.
        let now = now.truncate_to_second();
        let transaction = self.write().await?;
        generations::Entity::find_by_id(LOCK)
            .lock(LockType::Update)
            .one(&*transaction)
            .await?;
        let mut told = told(&transaction).await?;
        let (mut bodies, mut rows) = (Vec::new(), Vec::new());
        for days in THRESHOLDS {
            let until = now + Duration::days(days.into());
            let mut ending = in_database(&transaction, now, until).await?;
            ending.extend(of_nobody(others, now, until));
            for ending in ending {
                let key = (ending.owner.clone(), ending.kind.as_str().to_owned(), days);
                let before = told.remove(&key);
                if before == Some((ending.count, ending.last)) {
                    continue;
                }
                rows.push(ending.row(days));
                if ending.is_news(before) {
                    bodies.push(ending.body(days, now));
                }
            }
        }
        let count = bodies.len();
        if append::room(&*transaction).await? < count {
            // Once there is room, it is told.
            transaction.rollback().await?;
            return Ok(0);
        }
        store(&transaction, rows, told).await?;
        append::insert(&*transaction, bodies, now).await?;
        transaction.commit_housekeeping().await?;
        Ok(count)
    }
}

async fn told(transaction: &WriteTransaction) -> Result<Told> {
    let rows = expiry_notices::Entity::find().all(&**transaction).await?;
    let row = |row: expiry_notices::Model| {
        let key = (row.owner_key, row.kind, row.threshold);
        (key, (row.count, row.last_not_after))
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Notes what was found; what was told before and is no more, may be told again.
async fn store(
    transaction: &WriteTransaction,
    rows: Vec<expiry_notices::ActiveModel>,
    gone: Told,
) -> Result<()> {
    use expiry_notices::Column::{Count, Kind, LastNotAfter, OwnerKey, Threshold};
    for key in gone.into_keys() {
        expiry_notices::Entity::delete_by_id(key)
            .exec(&**transaction)
            .await?;
    }
    for batch in rows.chunks(BATCH) {
        let changed = OnConflict::columns([OwnerKey, Kind, Threshold])
            .update_columns([Count, LastNotAfter])
            .to_owned();
        expiry_notices::Entity::insert_many(batch.to_vec())
            .on_conflict(changed)
            .exec_without_returning(&**transaction)
            .await?;
    }
    Ok(())
}

async fn in_database(
    connection: &WriteTransaction,
    now: OffsetDateTime,
    until: OffsetDateTime,
) -> Result<Vec<Ending>> {
    let mut found = Vec::new();
    for (kind, sql) in [
        (CertificateKind::Entitlement, ENTITLEMENTS),
        (CertificateKind::Identity, IDENTITIES),
    ] {
        let backend = connection.get_database_backend();
        let query = Statement::from_sql_and_values(backend, sql, [now.into(), until.into()]);
        for row in connection.query_all_raw(query).await? {
            found.push(Ending {
                owner: row.try_get("", "owner")?,
                kind,
                count: row.try_get("", "count")?,
                last: row.try_get("", "last")?,
                pending: row.try_get("", "pending")?,
                first: row.try_get("", "first")?,
            });
        }
    }
    Ok(found)
}

fn of_nobody(
    others: &[(CertificateKind, OffsetDateTime)],
    now: OffsetDateTime,
    until: OffsetDateTime,
) -> Vec<Ending> {
    let of_kind = |kind: CertificateKind| {
        let ends = others
            .iter()
            .filter(|(of, end)| *of == kind && *end <= until);
        let ends: Vec<OffsetDateTime> = ends.map(|(_, end)| *end).collect();
        let pending = || ends.iter().filter(|end| **end >= now);
        Some(Ending {
            owner: String::new(),
            kind,
            count: i64::try_from(ends.len()).unwrap_or(i64::MAX),
            last: *ends.iter().max()?,
            pending: i64::try_from(pending().count()).unwrap_or(i64::MAX),
            first: pending().min().copied(),
        })
    };
    CertificateKind::ALL
        .into_iter()
        .filter_map(of_kind)
        .collect()
}

impl Ending {
    fn is_news(&self, before: Option<(i64, OffsetDateTime)>) -> bool {
        let more = before.is_none_or(|(count, last)| self.count > count || self.last > last);
        more && self.pending > 0
    }

    fn row(&self, days: i32) -> expiry_notices::ActiveModel {
        expiry_notices::ActiveModel {
            owner_key: Set(self.owner.clone()),
            kind: Set(self.kind.as_str().to_owned()),
            threshold: Set(days),
            count: Set(self.count),
            last_not_after: Set(self.last),
        }
    }

    fn body(&self, days: i32, now: OffsetDateTime) -> String {
        let owner = Some(&self.owner).filter(|owner| !owner.is_empty());
        let data = json!({
            "ownerKey": owner, "kind": self.kind.as_str(), "thresholdDays": days,
            "count": self.pending, "firstNotAfter": self.first.map(times::shown),
        });
        message::body("certificate.expiring", now, &data)
    }
}
