//! The schema, one timestamped file per step, the same for SQLite and PostgreSQL.
//!
//! A released step never changes: a new one mends it. A step must work while nodes of the version
//! before still run, so columns are added first and removed one release later.

mod m20261122_000001_owners;
mod m20261122_000002_manifests;
mod m20261122_000003_api_keys;
mod m20261122_000004_access;
mod m20261125_000005_downstream;
mod m20261125_000006_cdns;
mod m20261125_000007_jobs;
mod m20261125_000008_signing_keys;
mod m20261125_000009_expiry;
mod m20261126_000010_tokens;
mod m20261126_000011_revocations;
mod m20261126_000012_grants;
mod m20261126_000013_repos;
mod m20261126_000014_signing_profiles;
mod m20261127_000015_gateway;
mod m20261127_000016_owner_changes;

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

/// All steps, in order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_owners::Migration),
            Box::new(m20261122_000002_manifests::Migration),
            Box::new(m20261122_000003_api_keys::Migration),
            Box::new(m20261122_000004_access::Migration),
            Box::new(m20261125_000005_downstream::Migration),
            Box::new(m20261125_000006_cdns::Migration),
            Box::new(m20261125_000007_jobs::Migration),
            Box::new(m20261125_000008_signing_keys::Migration),
            Box::new(m20261125_000009_expiry::Migration),
            Box::new(m20261126_000010_tokens::Migration),
            Box::new(m20261126_000011_revocations::Migration),
            Box::new(m20261126_000012_grants::Migration),
            Box::new(m20261126_000013_repos::Migration),
            Box::new(m20261126_000014_signing_profiles::Migration),
            Box::new(m20261127_000015_gateway::Migration),
            Box::new(m20261127_000016_owner_changes::Migration),
        ]
    }
}
