//! The first certificate to end, of every owner and kind: what the metric shows.

use portolan_domain::expiry::CertificateKind;
use sea_orm::{ConnectionTrait, Statement};
use time::OffsetDateTime;

use crate::{error::Result, store::Store};

/// The first end of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstEnd {
    /// The owner's key; empty where the certificate is the operator's.
    pub owner: String,
    /// The kind.
    pub kind: CertificateKind,
    /// When the first of them ends, or ended.
    pub not_after: OffsetDateTime,
}

/// `min()` for each owner by itself is one look into an index, however many entitlements it has; grouped, it
/// would read them all.
const ENTITLEMENTS: &str = "SELECT o.key, (SELECT min(e.not_after) FROM entitlements e \
     WHERE e.owner_id = o.id AND e.not_after IS NOT NULL) AS not_after FROM owners o";
const IDENTITIES: &str = "SELECT o.key, u.identity_not_after AS not_after FROM upstream_consumers u \
     JOIN owners o ON o.id = u.owner_id";

impl Store {
    /// The first end of every owner's entitlements and identity.
    ///
    /// # Errors
    /// [`crate::StorageError`].
    pub async fn first_ends(&self) -> Result<Vec<FirstEnd>> {
        let mut ends = Vec::new();
        for (kind, sql) in [
            (CertificateKind::Entitlement, ENTITLEMENTS),
            (CertificateKind::Identity, IDENTITIES),
        ] {
            let query = Statement::from_string(self.database.get_database_backend(), sql);
            for row in self.database.query_all_raw(query).await? {
                let owner = row.try_get("", "key")?;
                let not_after: Option<OffsetDateTime> = row.try_get("", "not_after")?;
                ends.extend(not_after.map(|not_after| FirstEnd {
                    owner,
                    kind,
                    not_after,
                }));
            }
        }
        Ok(ends)
    }
}
