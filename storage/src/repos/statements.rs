//! The statements of a sync, the same for both engines, but for how the lines come in.

use sea_orm::DbBackend;

/// The lines of the sync, gone with the transaction. Its key finds a commit that is there twice.
pub(super) fn create(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => {
            "CREATE TEMPORARY TABLE batch_lines (line bigint NOT NULL, id varchar(64) PRIMARY KEY, \
             token_type integer, refs text NOT NULL) ON COMMIT DROP"
        }
        _ => {
            "CREATE TEMPORARY TABLE batch_lines (line bigint NOT NULL, id text PRIMARY KEY, \
             token_type integer, refs text NOT NULL) WITHOUT ROWID"
        }
    }
}

/// Takes lines that come as a JSON array of `[line, commit, token type, refs]`, the refs as one text. Of
/// a commit that is there twice, the first line stays.
pub(super) fn load(backend: DbBackend) -> String {
    let lines = match backend {
        DbBackend::Postgres => "json_array_elements($1::json) AS l(value)",
        _ => "json_each($1) AS l",
    };
    format!(
        "INSERT INTO batch_lines (line, id, token_type, refs) \
         SELECT CAST(l.value->>0 AS bigint), l.value->>1, CAST(l.value->>2 AS integer), l.value->>3 \
         FROM {lines} WHERE true ORDER BY CAST(l.value->>0 AS bigint) ON CONFLICT (id) DO NOTHING"
    )
}

/// Removes what is not in the sync.
pub(super) const REMOVE_OTHERS: &str = "\
    DELETE FROM commits WHERE repo_id = $1 AND NOT EXISTS \
    (SELECT 1 FROM batch_lines b WHERE b.id = commits.id)";

/// Changes what is known otherwise.
pub(super) const UPDATE: &str = "\
    UPDATE commits SET token_type = b.token_type, refs = b.refs FROM batch_lines AS b \
    WHERE b.id = commits.id AND commits.repo_id = $1 \
    AND (commits.token_type IS DISTINCT FROM b.token_type OR commits.refs <> b.refs)";

/// Adds what is not known yet.
pub(super) const INSERT: &str = "\
    INSERT INTO commits (repo_id, id, token_type, refs) \
    SELECT $1, b.id, b.token_type, b.refs FROM batch_lines b WHERE NOT EXISTS \
    (SELECT 1 FROM commits c WHERE c.repo_id = $1 AND c.id = b.id)";
