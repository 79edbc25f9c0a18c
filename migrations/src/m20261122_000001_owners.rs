//! Owners (tenants), each with its sealed data key, and what belongs to the whole instance.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let owners = Table::create()
            .table("owners")
            .col(pk_auto_bigint("id"))
            .col(string_len("key", 255).unique_key())
            .col(string("display_name"))
            .col(timestamp_with_time_zone("created_at"))
            // Sealed by the master key; everything secret of this owner is sealed by it.
            .col(blob("data_key_sealed"))
            // Grows with every change of what the owner's clients are told.
            .col(big_integer("generation").default(0))
            // `meta.created` of the last import that was stored: what MANIFEST_OLD compares with.
            .col(timestamp_with_time_zone_null("last_manifest_created_at"))
            .to_owned();
        manager.create_table(owners).await?;

        // Values sealed for the instance itself, such as the one that proves the master key right.
        let instance = Table::create()
            .table("instance_secrets")
            .col(string_len("name", 64).primary_key())
            .col(blob("sealed"))
            .to_owned();
        manager.create_table(instance).await?;

        // `owners` is a JSON array of owner keys, or null for all.
        let cas = Table::create()
            .table("upstream_cas")
            .col(string_len("filename", 255).primary_key())
            .col(text("pem"))
            .col(boolean("require_scheme"))
            .col(text_null("owners"))
            .col(timestamp_with_time_zone("created_at"))
            .to_owned();
        manager.create_table(cas).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["upstream_cas", "instance_secrets", "owners"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

fn pk_auto_bigint(name: &'static str) -> ColumnDef {
    big_integer(name).auto_increment().primary_key().take()
}
