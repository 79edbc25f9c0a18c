//! Grants: which user may have which refs of an owner's collections.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(grants()).await?;
        let of_owner = Index::create()
            .name("grants_of_owner")
            .table("grants")
            .col("owner_id")
            .col("user_name")
            .to_owned();
        manager.create_index(of_owner).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("grants").to_owned())
            .await
    }
}

/// The key finds what a user has of a collection. It does not point to the collection: a grant counts only
/// while the collection is in a repository of its owner, which is looked at each time, and an owner that
/// takes a repository away for an hour does not lose what it granted.
fn grants() -> TableCreateStatement {
    Table::create()
        .table("grants")
        .col(string_len("user_name", 255))
        .col(string_len("collection_id", 255))
        .col(big_integer("owner_id"))
        // `*` stands for one segment.
        .col(string_len("ref_pattern", 512))
        // Null: for ever.
        .col(timestamp_with_time_zone_null("until"))
        .primary_key(
            Index::create()
                .col("user_name")
                .col("collection_id")
                .col("owner_id")
                .col("ref_pattern"),
        )
        .foreign_key(
            ForeignKey::create()
                .from("grants", "owner_id")
                .to("owners", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
