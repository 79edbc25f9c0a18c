//! What Portolan remembers, and the transactional verbs over it, in the domain's words.
//!
//! # Where things are
//! One file per verb or family of verbs; each is an `impl Store` block. Rows (`entity`) and SQL
//! types stay inside. Every query of a tenant's row carries its owner.
//!
//! # How to add a verb
//! Write it as a method of [`Store`] that takes and returns domain types. What changes a row takes an
//! [`Actor`] and opens a transaction with `Store::write`: on SQLite it takes the write lock at once, so
//! that no transaction fails half-way because it read first, and its `commit` wants the [`Event`] for
//! the audit log. Classify errors by code in [`error`].
//!
//! # How to add a table
//! A new timestamped file in `migrations/` (up and down), an entity here, and a test that runs on
//! both engines (`testing`, behind the feature of that name).

#![deny(missing_docs)]

mod audit;
mod batch;
mod cdn_info;
mod cdn_signing;
mod cdns;
mod changes;
mod copy;
mod credentials;
mod database;
mod downstream;
mod engine;
mod entity;
pub mod error;
mod expirations;
mod exports;
mod feed;
mod gateway;
mod generation;
mod grants;
mod ids;
mod imports;
mod instance;
mod issued_tokens;
mod jobs;
mod master_key;
mod outbox;
mod owner_cdn;
mod owners;
mod replica;
mod repos;
mod resolve_cdn;
mod revocations;
mod rotate;
mod seal;
mod signing_keys;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod times;
mod token_keys;
mod uploads;
mod upstream_cas;
mod upstream_consumers;
mod write;

pub use audit::{
    Actor, AuditFault, AuditFilter, AuditReport, AuditRow, Event, FaultKind, Outcome, PrincipalKind,
};
pub use batch::{BatchCounts, BatchLine, LineRefusal};
pub use cdn_info::{EntitlementAnswer, OwnerAnswer, StoredCertificate};
pub use cdn_signing::{CdnSigner, CdnSigning, SigningChange};
pub use cdns::{Cdn, CdnChange, NewCdn};
pub use changes::Changes;
pub use copy::{CopiedTable, CopyError, copy_database};
pub use credentials::{
    Credential, CredentialKind, Identity, Lookup, NewCredential, Role, SharedSecret,
};
pub use downstream::{
    BatchTransaction, CertificateDates, EntitlementFilter, EntitlementKind, StoredEntitlement,
};
pub use engine::{DatabaseSettings, Engine};
pub use error::StorageError;
pub use expirations::{EndingCertificate, ExpiryFilter, ExpiryPlace, FirstEnd};
pub use exports::{ExportReader, ExportSource};
pub use feed::Feed;
pub use gateway::{
    FedRepositories, GatewayAccount, GatewayToken, HolderKind, NewGatewayToken, Others,
    TokenPurpose,
};
pub use generation::Generations;
pub use grants::GrantBatch;
pub use imports::{
    ConsumerSnapshot, Draft, ImportRecord, ImportTransaction, Keep, KeptFile, Timings, Upload,
    VerificationSnapshot,
};
pub use issued_tokens::IssuedToken;
pub use jobs::{Job, JobClaim, JobOutcome, JobRequest, JobState};
pub use master_key::MasterKey;
pub use outbox::{OutboxEvents, OutboxMessage, Postponed};
pub use owner_cdn::{CdnSetting, CdnSource, OwnerCdn, OwnersCdn};
pub use owners::Owner;
pub use repos::{CommitSync, NewRepo, Repo};
pub use resolve_cdn::CdnAnswer;
pub use revocations::{KnownToken, NewRevocation, RevocationPage};
pub use rotate::Rotation;
pub use signing_keys::{NewSigningKey, SigningKey, SigningPurpose};
pub use store::{Connections, Page, Store};
pub use token_keys::{KeyListing, KeyState, KeyTurn, TokenKey, TokenKeys};
pub use uploads::KeptUpload;
pub use upstream_cas::StoredCa;
pub use upstream_consumers::{RecordedCa, StoredConsumer};
