//! What a manifest brings: consumer, pools, entitlements, CDNs, and the record of its import.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

const TABLES: [&str; 7] = [
    "manifest_files",
    "imports",
    "cdns",
    "entitlements",
    "entitlement_ids",
    "pools",
    "upstream_consumers",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(upstream_consumers()).await?;
        manager.create_table(pools()).await?;
        manager.create_table(entitlement_ids()).await?;
        manager.create_table(entitlements()).await?;
        manager.create_table(cdns()).await?;
        manager.create_table(imports()).await?;
        manager.create_table(manifest_files()).await?;
        indexes(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

fn of_owner(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "owner_id")
        .to("owners", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

fn upstream_consumers() -> TableCreateStatement {
    Table::create()
        .table("upstream_consumers")
        .col(big_integer("owner_id").primary_key())
        .col(string_len("uuid", 64).unique_key())
        .col(text_null("name"))
        .col(text_null("type_id"))
        .col(text_null("type_label"))
        .col(boolean_null("type_manifest"))
        .col(text_null("upstream_owner_id"))
        .col(text_null("content_access_mode"))
        .col(text_null("web_url"))
        .col(text_null("api_url"))
        // A URL that was given. Without one the label is followed, else the default counts.
        .col(text_null("cdn_url"))
        .col(text_null("cdn_label"))
        .col(text_null("identity_cert"))
        .col(blob_null("identity_key_sealed"))
        .col(text_null("identity_serial"))
        .col(timestamp_with_time_zone_null("identity_not_before"))
        .col(timestamp_with_time_zone_null("identity_not_after"))
        // VERIFIED with all of the next five, or FORCED with none of them.
        .col(string_len("outcome", 16))
        .col(text_null("algorithm"))
        .col(text_null("ca_filename"))
        .col(string_len_null("ca_sha256", 64))
        .col(string_len_null("ca_spki_sha256", 64))
        .col(text_null("ca_pem"))
        .foreign_key(&mut of_owner("upstream_consumers"))
        .to_owned()
}

fn pools() -> TableCreateStatement {
    Table::create()
        .table("pools")
        .col(big_integer("owner_id"))
        .col(string_len("id", 64))
        .col(text_null("product_id"))
        .col(text_null("product_name"))
        .col(text_null("contract_number"))
        .col(text_null("account_number"))
        .col(text_null("order_number"))
        .col(big_integer("quantity"))
        .col(timestamp_with_time_zone_null("starts_at"))
        .col(timestamp_with_time_zone_null("ends_at"))
        .primary_key(Index::create().col("owner_id").col("id"))
        .foreign_key(&mut of_owner("pools"))
        .to_owned()
}

/// The one namespace of entitlement ids over all owners: whoever has a row here owns the id.
fn entitlement_ids() -> TableCreateStatement {
    Table::create()
        .table("entitlement_ids")
        .col(string_len("id", 64).primary_key())
        .col(big_integer("owner_id"))
        // UPSTREAM, or DOWNSTREAM once those are registered.
        .col(string_len("kind", 16))
        .foreign_key(&mut of_owner("entitlement_ids"))
        .to_owned()
}

fn entitlements() -> TableCreateStatement {
    Table::create()
        .table("entitlements")
        .col(string_len("id", 64).primary_key())
        .col(big_integer("owner_id"))
        .col(string_len("pool_id", 64))
        .col(big_integer("quantity"))
        .col(timestamp_with_time_zone_null("starts_at"))
        .col(timestamp_with_time_zone_null("ends_at"))
        .col(text_null("cert"))
        .col(blob_null("key_sealed"))
        .col(text_null("serial"))
        .col(timestamp_with_time_zone_null("not_before"))
        .col(timestamp_with_time_zone_null("not_after"))
        // Of all that the manifest said: what did not change is not written again.
        .col(blob("content_sha256"))
        .foreign_key(&mut of_owner("entitlements"))
        .foreign_key(
            ForeignKey::create()
                .from("entitlements", "id")
                .to("entitlement_ids", "id"),
        )
        .foreign_key(
            ForeignKey::create()
                .from("entitlements", ("owner_id", "pool_id"))
                .to("pools", ("owner_id", "id")),
        )
        .to_owned()
}

/// With an owner: from its manifest. Without: the operator's, which count first.
fn cdns() -> TableCreateStatement {
    Table::create()
        .table("cdns")
        .col(big_integer("id").auto_increment().primary_key())
        .col(big_integer_null("owner_id"))
        .col(string_len("label", 255))
        .col(text_null("name"))
        .col(text("url"))
        .col(text("normalized_url"))
        .col(text_null("certificate"))
        .foreign_key(&mut of_owner("cdns"))
        .to_owned()
}

fn imports() -> TableCreateStatement {
    Table::create()
        .table("imports")
        // A UUID of version 7: newest first is highest first.
        .col(uuid("id").primary_key())
        .col(big_integer("owner_id"))
        .col(timestamp_with_time_zone("created_at"))
        .col(string_len("status", 32))
        .col(text("status_message"))
        .col(text_null("file_name"))
        .col(string_len_null("sha256", 64))
        .col(big_integer("size"))
        .col(text("uploaded_by"))
        .col(text_null("generated_by"))
        .col(timestamp_with_time_zone_null("generated_at"))
        // JSON from here on: shown as a whole, never searched.
        .col(text("forced_conflicts"))
        .col(text_null("upstream_consumer"))
        .col(text_null("verification"))
        .col(text("counts"))
        .col(text("warnings"))
        .col(text("timings"))
        .foreign_key(&mut of_owner("imports"))
        .to_owned()
}

/// Products, consumer types and distributor versions of an owner's last import, as they came: an
/// export needs them.
fn manifest_files() -> TableCreateStatement {
    Table::create()
        .table("manifest_files")
        .col(big_integer("owner_id"))
        .col(string_len("path", 512))
        .col(blob("content"))
        .primary_key(Index::create().col("owner_id").col("path"))
        .foreign_key(&mut of_owner("manifest_files"))
        .to_owned()
}

async fn indexes(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let plain: [(&str, &str, &[&str]); 5] = [
        (
            "upstream_consumers_by_ca",
            "upstream_consumers",
            &["ca_spki_sha256"],
        ),
        ("entitlements_by_owner", "entitlements", &["owner_id", "id"]),
        (
            "entitlements_by_pool",
            "entitlements",
            &["owner_id", "pool_id"],
        ),
        ("entitlement_ids_by_owner", "entitlement_ids", &["owner_id"]),
        ("imports_by_owner", "imports", &["owner_id", "id"]),
    ];
    for (name, table, columns) in plain {
        let mut index = Index::create().name(name).table(table).to_owned();
        for column in columns {
            index.col(*column);
        }
        manager.create_index(index).await?;
    }
    // NULLs are distinct in a unique index on both engines, so the operator's CDNs need their own.
    let database = manager.get_connection();
    let operators = "CREATE UNIQUE INDEX cdns_of_operator ON cdns (label) WHERE owner_id IS NULL";
    database.execute_unprepared(operators).await?;
    let owners =
        "CREATE UNIQUE INDEX cdns_of_owner ON cdns (owner_id, label) WHERE owner_id IS NOT NULL";
    database.execute_unprepared(owners).await?;
    let postgres = database.get_database_backend() == sea_orm::DbBackend::Postgres;
    // A B-tree of PostgreSQL refuses values as long as a URL may be, normalized.
    let method = if postgres { "USING hash" } else { "" };
    let by_url = format!("CREATE INDEX cdns_by_url ON cdns {method} (normalized_url)");
    database.execute_unprepared(&by_url).await?;
    if postgres {
        // Sealed bytes do not compress; trying costs more than storing them.
        let plain = "ALTER TABLE entitlements ALTER COLUMN key_sealed SET STORAGE EXTERNAL";
        database.execute_unprepared(plain).await?;
    }
    Ok(())
}
