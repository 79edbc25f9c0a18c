//! What Portolan remembers, and the transactional verbs over it, in the domain's words.
//!
//! # Where things are
//! One file per verb or family of verbs; each is an `impl Store` block. Rows (`entity`) and SQL
//! types stay inside. Every query of a tenant's row carries its owner.
//!
//! # How to add a verb
//! Write it as a method of [`Store`] that takes and returns domain types. What changes more than one
//! row opens a transaction with `Store::write`: on SQLite it takes the write lock at once, so that
//! no transaction fails half-way because it read first. Classify errors by code in [`error`].
//!
//! # How to add a table
//! A new timestamped file in `migrations/` (up and down), an entity here, and a test that runs on
//! both engines (`testing`, behind the feature of that name).

#![deny(missing_docs)]

mod api_keys;
mod cdn_info;
mod engine;
mod entity;
pub mod error;
mod ids;
mod imports;
mod master_key;
mod owners;
mod seal;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod times;
mod upstream_cas;
mod upstream_consumers;

pub use api_keys::{ApiKey, NewApiKey, Role};
pub use cdn_info::{CdnAnswer, EntitlementAnswer, StoredCertificate};
pub use engine::{DatabaseSettings, Engine};
pub use error::StorageError;
pub use imports::{
    ConsumerSnapshot, Draft, ImportRecord, ImportTransaction, KeptFile, Timings, Upload,
    VerificationSnapshot,
};
pub use master_key::MasterKey;
pub use owners::Owner;
pub use store::{Page, Store};
pub use upstream_cas::StoredCa;
pub use upstream_consumers::{RecordedCa, StoredConsumer};
