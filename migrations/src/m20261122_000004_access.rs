//! Who may call, and who did: credentials of every kind and what tells that they changed, the audit
//! log, shared OAuth nonces.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// What `api_keys` learns. Added one by one: SQLite takes one change at a time.
fn credential_columns() -> Vec<ColumnDef> {
    vec![
        // `api-key`, `oauth`, `certificate` or `subject`; `secret_sha256` is what finds each.
        string_len("kind", 16).default("api-key").take(),
        // What people know it by: consumer key, fingerprint or subject.
        text_null("identifier").take(),
        // An OAuth consumer's secret: signatures are computed with it, so that a digest is not enough.
        blob_null("secret_sealed").take(),
        timestamp_with_time_zone_null("expires_at").take(),
        timestamp_with_time_zone_null("last_used_at").take(),
    ]
}

const CREDENTIAL_COLUMNS: [&str; 5] = [
    "kind",
    "identifier",
    "secret_sealed",
    "expires_at",
    "last_used_at",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in credential_columns() {
            let alter = Table::alter()
                .table("api_keys")
                .add_column(column)
                .to_owned();
            manager.alter_table(alter).await?;
        }
        // The end of each node's chain: written with every row, so that a cut tail shows.
        let nodes = Table::create()
            .table("audit_nodes")
            .col(string_len("node", 64).primary_key())
            .col(big_integer("sequence"))
            .col(string_len("hash", 64))
            // Over the three, by a key that needs the master key: an end cannot be made up.
            .col(string_len("mac", 64))
            .to_owned();
        manager.create_table(nodes).await?;
        manager.create_table(generations()).await?;
        let first = Query::insert()
            .into_table("generations")
            .columns(["name", "value"])
            .values_panic(["credentials".into(), 0.into()])
            .to_owned();
        manager.execute(first).await?;
        manager.create_table(audit_log()).await?;
        for (name, column, unique) in [
            ("audit_log_by_node", vec!["node", "sequence"], true),
            ("audit_log_by_owner", vec!["owner_key", "id"], false),
            ("audit_log_by_principal", vec!["principal", "id"], false),
            ("audit_log_by_action", vec!["action", "id"], false),
        ] {
            let mut index = Index::create().name(name).table("audit_log").to_owned();
            for column in column {
                index.col(column);
            }
            if unique {
                index.unique();
            }
            manager.create_index(index).await?;
        }
        let nonces = Table::create()
            .table("oauth_nonces")
            .col(string_len("digest", 64).primary_key())
            .col(timestamp_with_time_zone("expires_at"))
            .to_owned();
        manager.create_table(nonces).await?;
        let by_expiry = Index::create()
            .name("oauth_nonces_by_expiry")
            .table("oauth_nonces")
            .col("expires_at")
            .to_owned();
        manager.create_index(by_expiry).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["oauth_nonces", "audit_log", "generations", "audit_nodes"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        for column in CREDENTIAL_COLUMNS {
            let alter = Table::alter()
                .table("api_keys")
                .drop_column(column)
                .to_owned();
            manager.alter_table(alter).await?;
        }
        Ok(())
    }
}

/// Numbers that grow with every change of something that nodes remember: asking for one tells
/// whether what is in memory is still so.
fn generations() -> TableCreateStatement {
    Table::create()
        .table("generations")
        .col(string_len("name", 32).primary_key())
        .col(big_integer("value"))
        .to_owned()
}

/// No foreign keys: what was done to an owner, and by which credential, is kept when they are gone.
fn audit_log() -> TableCreateStatement {
    Table::create()
        .table("audit_log")
        .col(big_integer("id").auto_increment().primary_key())
        .col(string_len("node", 64))
        .col(big_integer("sequence"))
        .col(timestamp_with_time_zone("at"))
        .col(string_len("principal_kind", 16))
        .col(text("principal"))
        .col(string_len("action", 64))
        .col(string_len_null("owner_key", 255))
        .col(text_null("subject"))
        .col(string_len("outcome", 16))
        .col(text_null("detail"))
        .col(big_integer("count"))
        .col(string_len_null("request_id", 128))
        .col(string_len_null("address", 45))
        .col(string_len("previous_hash", 64))
        .col(string_len("hash", 64))
        .to_owned()
}
