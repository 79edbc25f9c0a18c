//! All tables, each behind those that it refers to.

use sea_orm::DatabaseTransaction;

use super::{CopiedTable, CopyError, rows::copy_rows};
use crate::entity;

macro_rules! tables {
    ($($table:ident)*) => {
        /// Copies them all. A table that is not here fails the tests.
        pub async fn copy_all(
            source: &DatabaseTransaction,
            target: &DatabaseTransaction,
        ) -> Result<Vec<CopiedTable>, CopyError> {
            Ok(vec![$(
                copy_rows::<entity::$table::Entity>(stringify!($table), source, target).await?
            ),*])
        }
    };
}

tables! {
    instance_secrets
    generations
    upstream_cas
    audit_nodes
    audit_log
    api_keys
    oauth_nonces
    signing_keys
    issued_tokens
    revocations
    webhook_outbox
    expiry_notices
    owners
    api_key_owners
    upstream_consumers
    imports
    manifest_files
    uploads
    upload_pieces
    jobs
    exported_consumers
    pools
    entitlement_ids
    entitlements
    downstream_entitlements
    cdns
    signing_profiles
    signing_allows
    collections
    repos
    commits
    grants
    gateway_repositories
    gateway_holders
    gateway_accounts
    gateway_tokens
}
