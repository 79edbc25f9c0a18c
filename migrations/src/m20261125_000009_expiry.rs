//! What ends when, found by an index; which ends were told; what waits to be told to the webhook.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Name, table, columns.
const INDEXES: [(&str, &str, &[&str]); 4] = [
    // With the owner, so that counting by owner what ends soon reads no rows.
    (
        "entitlements_by_certificate_end",
        "entitlements",
        &["not_after", "id", "owner_id"],
    ),
    (
        "entitlements_by_owner_and_end",
        "entitlements",
        &["owner_id", "not_after", "id"],
    ),
    (
        "upstream_consumers_by_end",
        "upstream_consumers",
        &["identity_not_after", "uuid"],
    ),
    ("webhook_outbox_by_turn", "webhook_outbox", &["next_at"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(webhook_outbox()).await?;
        manager.create_table(expiry_notices()).await?;
        for (name, table, columns) in INDEXES {
            let mut index = Index::create().name(name).table(table).to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        // Its row is the lock under which one node at a time looks for what ends soon.
        let lock = Query::insert()
            .into_table("generations")
            .columns(["name", "value"])
            .values_panic(["expiry-notices".into(), 0.into()])
            .to_owned();
        manager.execute(lock).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let lock = Query::delete()
            .from_table("generations")
            .and_where(Expr::col("name").eq("expiry-notices"))
            .to_owned();
        manager.execute(lock).await?;
        for (name, table, _) in INDEXES {
            let index = Index::drop().name(name).table(table).to_owned();
            manager.drop_index(index).await?;
        }
        for table in ["expiry_notices", "webhook_outbox"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

/// Messages on their way. A row is gone once its message was taken, or was given up.
fn webhook_outbox() -> TableCreateStatement {
    Table::create()
        .table("webhook_outbox")
        // A UUID of version 7, and the `webhook-id` by which a receiver knows a repetition.
        .col(uuid("id").primary_key())
        .col(timestamp_with_time_zone("created_at"))
        .col(text("body"))
        .col(integer("attempts"))
        // When somebody may try. Who tries moves it ahead, which is the lease: whoever is killed
        // meanwhile leaves the row to the others.
        .col(timestamp_with_time_zone("next_at"))
        .to_owned()
}

/// What was told of what ends soon, so that each is told once. No foreign key: certificates without
/// an owner are here too, with an empty key.
fn expiry_notices() -> TableCreateStatement {
    Table::create()
        .table("expiry_notices")
        .col(string_len("owner_key", 255))
        .col(string_len("kind", 16))
        // Days before the end: 30, 7 or 1.
        .col(integer("threshold"))
        // How many end within the threshold, those that have ended included, and the last of them.
        .col(big_integer("count"))
        .col(timestamp_with_time_zone("last_not_after"))
        .primary_key(
            Index::create()
                .col("owner_key")
                .col("kind")
                .col("threshold"),
        )
        .to_owned()
}
