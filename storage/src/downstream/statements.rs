//! The statements of a batch. They are the same for both engines, but for how the lines come in: a million
//! rows must not travel one by one.

use sea_orm::DbBackend;

/// The lines of the batch, gone with the transaction. Its key finds an id that is there twice.
pub(super) fn create(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => {
            "CREATE TEMPORARY TABLE batch_lines (line bigint NOT NULL, id varchar(64) PRIMARY KEY, \
             pool_id varchar(64), upstream_id varchar(64)) ON COMMIT DROP"
        }
        _ => {
            "CREATE TEMPORARY TABLE batch_lines (line bigint NOT NULL, id text PRIMARY KEY, \
             pool_id text, upstream_id text) WITHOUT ROWID"
        }
    }
}

/// Takes lines that come as a JSON array of `[line, id, pool, upstream entitlement]`. Of an id that is
/// there twice, the first line stays.
pub(super) fn load(backend: DbBackend) -> String {
    let lines = match backend {
        DbBackend::Postgres => "json_array_elements($1::json) AS l(value)",
        _ => "json_each($1) AS l",
    };
    format!(
        "INSERT INTO batch_lines (line, id, pool_id, upstream_id) \
         SELECT CAST(l.value->>0 AS bigint), l.value->>1, coalesce(l.value->>2, e.pool_id), \
         l.value->>3 FROM {lines} \
         LEFT JOIN entitlements e ON e.id = l.value->>3 AND e.owner_id = $2 \
         WHERE true ORDER BY CAST(l.value->>0 AS bigint) ON CONFLICT (id) DO NOTHING"
    )
}

/// The first line with a pool that the owner does not have.
pub(super) const UNKNOWN_POOL: &str = "\
    SELECT b.line, b.pool_id FROM batch_lines b WHERE b.pool_id IS NOT NULL AND NOT EXISTS \
    (SELECT 1 FROM pools p WHERE p.owner_id = $1 AND p.id = b.pool_id) ORDER BY b.line LIMIT 1";

/// The first line with an upstream entitlement that the owner does not have: it brought no pool.
pub(super) const UNKNOWN_UPSTREAM: &str = "\
    SELECT line, upstream_id FROM batch_lines WHERE upstream_id IS NOT NULL AND pool_id IS NULL \
    ORDER BY line LIMIT 1";

/// The first line with an id of another owner, or of an upstream entitlement.
pub(super) const IN_USE: &str = "\
    SELECT b.line, b.id FROM batch_lines b JOIN entitlement_ids i ON i.id = b.id \
    WHERE i.owner_id <> $1 OR i.kind <> 'DOWNSTREAM' ORDER BY b.line LIMIT 1";

/// Removes what is not in the batch; rows go with their ids.
pub(super) const REMOVE_OTHERS: &str = "\
    DELETE FROM entitlement_ids WHERE owner_id = $1 AND kind = 'DOWNSTREAM' AND NOT EXISTS \
    (SELECT 1 FROM batch_lines b WHERE b.id = entitlement_ids.id)";

/// Changes what is registered otherwise.
pub(super) const UPDATE: &str = "\
    UPDATE downstream_entitlements SET pool_id = b.pool_id, upstream_id = b.upstream_id \
    FROM batch_lines AS b \
    WHERE b.id = downstream_entitlements.id AND downstream_entitlements.owner_id = $1 \
    AND (downstream_entitlements.pool_id IS DISTINCT FROM b.pool_id \
    OR downstream_entitlements.upstream_id IS DISTINCT FROM b.upstream_id)";

/// Takes the ids that are nobody's, in the order of their bytes: two batches that want the same ids wait
/// for each other instead of deadlocking. One that somebody else takes meanwhile is left out.
pub(super) fn claim(backend: DbBackend) -> String {
    let bytes = match backend {
        DbBackend::Postgres => "COLLATE \"C\"",
        _ => "",
    };
    format!(
        "INSERT INTO entitlement_ids (id, owner_id, kind) \
         SELECT b.id, $1, 'DOWNSTREAM' FROM batch_lines b WHERE NOT EXISTS \
         (SELECT 1 FROM entitlement_ids i WHERE i.id = b.id) ORDER BY b.id {bytes} \
         ON CONFLICT (id) DO NOTHING"
    )
}

/// Adds what is not registered yet.
pub(super) const INSERT: &str = "\
    INSERT INTO downstream_entitlements (id, owner_id, pool_id, upstream_id, created_at) \
    SELECT b.id, $1, b.pool_id, b.upstream_id, $2 FROM batch_lines b WHERE NOT EXISTS \
    (SELECT 1 FROM downstream_entitlements d WHERE d.id = b.id)";
