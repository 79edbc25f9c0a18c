//! Imports: one transaction under a lock on the owner, and the record of what it did.

mod changes;
mod list;
mod picture;
mod pools;
mod reconcile;
mod record;
mod rows;
mod seen;
mod settle;
mod transaction;
mod undo;

pub(crate) use reconcile::UPSTREAM;
pub use record::{
    ConsumerSnapshot, Draft, ImportRecord, Keep, KeptFile, Timings, Upload, VerificationSnapshot,
};
pub use transaction::ImportTransaction;
