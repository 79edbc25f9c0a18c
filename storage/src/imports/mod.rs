//! Imports: one transaction under a lock on the owner, and the record of what it did.

mod changes;
mod list;
mod picture;
mod pools;
mod reconcile;
mod record;
mod rows;
mod seen;
mod transaction;

pub use record::{
    ConsumerSnapshot, Draft, ImportRecord, KeptFile, Timings, Upload, VerificationSnapshot,
};
pub use transaction::ImportTransaction;
