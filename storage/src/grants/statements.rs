//! The statements of a batch of grants, the same for both engines, but for how the lines come in.

use sea_orm::DbBackend;

/// The grants of the batch, gone with the transaction. A line has several.
pub(super) fn create(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => {
            "CREATE TEMPORARY TABLE batch_lines (line bigint NOT NULL, user_name varchar(255), \
             collection_id varchar(255), ref_pattern varchar(512), until timestamptz, \
             PRIMARY KEY (user_name, collection_id, ref_pattern, line)) ON COMMIT DROP"
        }
        _ => {
            "CREATE TEMPORARY TABLE batch_lines (line bigint NOT NULL, user_name text, \
             collection_id text, ref_pattern text, until text, \
             PRIMARY KEY (user_name, collection_id, ref_pattern, line)) WITHOUT ROWID"
        }
    }
}

/// Takes grants that come as a JSON array of `[line, user, collection, pattern, until]`.
pub(super) fn load(backend: DbBackend) -> String {
    let (lines, until) = match backend {
        DbBackend::Postgres => ("json_array_elements($1::json) AS l(value)", "timestamptz"),
        _ => ("json_each($1) AS l", "text"),
    };
    format!(
        "INSERT INTO batch_lines (line, user_name, collection_id, ref_pattern, until) \
         SELECT CAST(l.value->>0 AS bigint), l.value->>1, l.value->>2, l.value->>3, \
         CAST(l.value->>4 AS {until}) FROM {lines}"
    )
}

/// The first line with a grant of an earlier one.
pub(super) const TWICE: &str = "\
    SELECT b.line, b.ref_pattern FROM batch_lines b WHERE EXISTS (SELECT 1 FROM batch_lines a \
    WHERE a.user_name = b.user_name AND a.collection_id = b.collection_id \
    AND a.ref_pattern = b.ref_pattern AND a.line < b.line) ORDER BY b.line LIMIT 1";

/// The first line with a collection that is in no repository of the owner.
pub(super) const FOREIGN: &str = "\
    SELECT b.line, b.collection_id FROM batch_lines b WHERE NOT EXISTS (SELECT 1 FROM collections c \
    WHERE c.id = b.collection_id AND c.owner_id = $1) ORDER BY b.line LIMIT 1";

/// Removes what is not in the batch.
pub(super) const REMOVE_OTHERS: &str = "\
    DELETE FROM grants WHERE owner_id = $1 AND NOT EXISTS (SELECT 1 FROM batch_lines b \
    WHERE b.user_name = grants.user_name AND b.collection_id = grants.collection_id \
    AND b.ref_pattern = grants.ref_pattern)";

/// Changes what ends otherwise.
pub(super) const UPDATE: &str = "\
    UPDATE grants SET until = b.until FROM batch_lines AS b WHERE grants.owner_id = $1 \
    AND b.user_name = grants.user_name AND b.collection_id = grants.collection_id \
    AND b.ref_pattern = grants.ref_pattern AND grants.until IS DISTINCT FROM b.until";

/// Adds what is not granted yet.
pub(super) const INSERT: &str = "\
    INSERT INTO grants (user_name, collection_id, owner_id, ref_pattern, until) \
    SELECT b.user_name, b.collection_id, $1, b.ref_pattern, b.until FROM batch_lines b \
    WHERE NOT EXISTS (SELECT 1 FROM grants g WHERE g.user_name = b.user_name \
    AND g.collection_id = b.collection_id AND g.owner_id = $1 AND g.ref_pattern = b.ref_pattern)";
