//! API keys: only the SHA-256 of a key is kept.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let keys = Table::create()
            .table("api_keys")
            .col(uuid("id").primary_key())
            .col(string_len("name", 255).unique_key())
            .col(string_len("role", 16))
            .col(string_len("secret_sha256", 64).unique_key())
            .col(timestamp_with_time_zone("created_at"))
            // Whether it counts for its owners alone. Said here and not by the absence of rows: a
            // key whose rows are being deleted must never be taken for one that counts for all.
            .col(boolean("bound"))
            .to_owned();
        manager.create_table(keys).await?;

        // The owners that a bound key counts for.
        let owners = Table::create()
            .table("api_key_owners")
            .col(uuid("api_key_id"))
            .col(big_integer("owner_id"))
            .primary_key(Index::create().col("api_key_id").col("owner_id"))
            .foreign_key(
                ForeignKey::create()
                    .from("api_key_owners", "api_key_id")
                    .to("api_keys", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            // Restricted: deleting an owner must not turn a bound key into one for all owners.
            .foreign_key(
                ForeignKey::create()
                    .from("api_key_owners", "owner_id")
                    .to("owners", "id")
                    .on_delete(ForeignKeyAction::Restrict),
            )
            .to_owned();
        manager.create_table(owners).await?;
        let by_owner = Index::create()
            .name("api_key_owners_by_owner")
            .table("api_key_owners")
            .col("owner_id")
            .to_owned();
        manager.create_index(by_owner).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["api_key_owners", "api_keys"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
