//! What ends when: certificates in the database, and those that only this program knows.

mod held;
mod list;
mod tell;

use portolan_domain::{expiry::CertificateKind, ids::OwnerKey};
use portolan_storage::{ExpiryPlace, FirstEnd, StorageError, Store};

pub use tell::watch;

use crate::anchors::AnchorStore;

/// Looks for what ends; cheap to clone.
#[derive(Clone)]
pub struct Expirations {
    store: Store,
    anchors: AnchorStore,
}

/// A certificate and when it ends.
#[derive(Debug, Clone)]
pub struct Expiration {
    /// Where it stands in the list.
    pub place: ExpiryPlace,
    /// By what people know it.
    pub id: String,
    /// Whose it is; none where it is the operator's.
    pub owner: Option<OwnerKey>,
    /// Its serial number, in decimal.
    pub serial: Option<String>,
    /// Its subject.
    pub subject: Option<String>,
}

impl Expirations {
    /// Certificates of this store and of these anchors.
    #[must_use]
    pub fn new(store: Store, anchors: AnchorStore) -> Self {
        Self { store, anchors }
    }

    /// The first to end, of every owner and kind.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn first_ends(&self) -> Result<Vec<FirstEnd>, StorageError> {
        let mut ends = self.store.first_ends().await?;
        let held = self.held_here(None).await?;
        for kind in CertificateKind::ALL {
            let of_kind = held.iter().filter(|held| held.place.kind == kind);
            let first = of_kind.map(|held| held.place.not_after).min();
            ends.extend(first.map(|not_after| FirstEnd {
                owner: String::new(),
                kind,
                not_after,
            }));
        }
        Ok(ends)
    }
}
