//! The keys that this instance signs with, and what an owner is called in what it exports.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(signing_keys()).await?;
        // Of two nodes that make a key at once, one wins and both sign with it.
        let one_active = "CREATE UNIQUE INDEX signing_keys_active \
                          ON signing_keys (purpose, algorithm) WHERE state = 'active'";
        let database = manager.get_connection();
        database.execute_unprepared(one_active).await?;
        manager.create_table(exported_consumers()).await?;
        // Of a pool what no question here needs and an export does: a JSON object.
        let details = Table::alter()
            .table("pools")
            .add_column(text_null("details"))
            .to_owned();
        manager.alter_table(details).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let details = Table::alter()
            .table("pools")
            .drop_column("details")
            .to_owned();
        manager.alter_table(details).await?;
        for table in ["exported_consumers", "signing_keys"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

fn signing_keys() -> TableCreateStatement {
    Table::create()
        .table("signing_keys")
        .col(string_len("kid", 64).primary_key())
        .col(string_len("algorithm", 32))
        // What it signs, and nothing else: `manifest`.
        .col(string_len("purpose", 16))
        // `active` signs, `retiring` is still shown to those who verify, `retired` is neither.
        .col(string_len("state", 16))
        .col(timestamp_with_time_zone("created_at"))
        // For `manifest`, the CA's certificate, PEM.
        .col(text_null("public_pem"))
        .col(timestamp_with_time_zone_null("not_after"))
        // Sealed by the instance's data key.
        .col(blob("key_sealed"))
        .to_owned()
}

/// One uuid for each owner, so that a second export is no other distributor.
fn exported_consumers() -> TableCreateStatement {
    Table::create()
        .table("exported_consumers")
        .col(big_integer("owner_id").primary_key())
        .col(string_len("uuid", 64).unique_key())
        .col(timestamp_with_time_zone("created_at"))
        .foreign_key(
            ForeignKey::create()
                .from("exported_consumers", "owner_id")
                .to("owners", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
