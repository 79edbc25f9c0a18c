//! The tokens that are known by their ids: those that were made by hand, and those that were revoked.
//! The tokens themselves are kept nowhere.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Statement};
use time::OffsetDateTime;

use super::JTI;
use crate::{
    IssuedToken,
    entity::revocations,
    error::Result,
    store::{Page, Store},
};

/// Ids in one question: far below the parameters that SQLite takes.
const AT_ONCE: usize = 500;

/// The ids of both tables, as many as a page has: each from its index.
const PAGE: &str = "\
    SELECT jti FROM (SELECT jti FROM issued_tokens WHERE jti > $1 ORDER BY jti LIMIT $2) AS issued \
    UNION SELECT value AS jti FROM (SELECT value FROM revocations WHERE kind = 'jti' AND value > $1 \
    ORDER BY value LIMIT $2) AS revoked ORDER BY jti LIMIT $2";

/// A token that is known by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownToken {
    /// Its id.
    pub jti: String,
    /// What is known of one that was made by hand, and has not ended long ago.
    pub issued: Option<IssuedToken>,
    /// When it was revoked by its id.
    pub revoked_at: Option<OffsetDateTime>,
    /// When it ends, where that is known.
    pub expires_at: Option<OffsetDateTime>,
}

impl Store {
    /// The tokens that are known by their ids, by id, behind this one.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn known_tokens(&self, after: Option<&str>, limit: u64) -> Result<Page<KnownToken>> {
        let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let backend = self.database.get_database_backend();
        let values = [after.unwrap_or_default().into(), most.into()];
        let question = Statement::from_sql_and_values(backend, PAGE, values);
        let rows = self.database.query_all_raw(question).await?;
        let jtis: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get("", "jti")).collect();
        let page = Page::of(jtis?, limit);
        Ok(Page {
            items: self.known_tokens_of(&page.items).await?,
            more: page.more,
        })
    }

    /// Those of these tokens that are known, in this order.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn known_tokens_of(&self, jtis: &[String]) -> Result<Vec<KnownToken>> {
        let mut found = Vec::new();
        for chunk in jtis.chunks(AT_ONCE) {
            let issued = self.issued_tokens(chunk).await?.into_iter();
            let mut issued: HashMap<_, _> =
                issued.map(|token| (token.jti.clone(), token)).collect();
            let revoked = self.revoked_ids(chunk).await?.into_iter();
            let mut revoked: HashMap<_, _> = revoked.map(|row| (row.value.clone(), row)).collect();
            found.extend(chunk.iter().filter_map(|jti| {
                known_token(jti, issued.remove(jti), revoked.remove(jti).as_ref())
            }));
        }
        Ok(found)
    }

    async fn revoked_ids(&self, jtis: &[String]) -> Result<Vec<revocations::Model>> {
        let rows = revocations::Entity::find()
            .filter(revocations::Column::Kind.eq(JTI))
            .filter(revocations::Column::Value.is_in(jtis))
            .all(&self.database)
            .await?;
        Ok(rows)
    }
}

fn known_token(
    jti: &str,
    issued: Option<IssuedToken>,
    revoked: Option<&revocations::Model>,
) -> Option<KnownToken> {
    if issued.is_none() && revoked.is_none() {
        return None;
    }
    let end = issued.as_ref().map(|token| token.expires_at);
    Some(KnownToken {
        jti: jti.to_owned(),
        revoked_at: revoked.map(|row| row.at),
        expires_at: end.or_else(|| revoked.and_then(|row| row.expires_at)),
        issued,
    })
}
