//! Downstream entitlements: those of a local subscription system, each registered for a pool, for an
//! upstream entitlement, or for its owner as a whole.

mod batch;
mod choice;
mod list;
mod register;
mod removal;
mod statements;

pub use batch::BatchTransaction;
pub(crate) use choice::{choose, upstream_of};
pub use list::{CertificateDates, EntitlementFilter, EntitlementKind, StoredEntitlement};
pub(crate) use removal::{follow_moved, remove_of_pools};

/// The kind of an id that was registered.
pub(crate) const DOWNSTREAM: &str = "DOWNSTREAM";
