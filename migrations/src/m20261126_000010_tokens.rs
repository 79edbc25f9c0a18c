//! How often the keys that sign tokens have changed, and which tokens were made by hand.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(issued_tokens()).await?;
        // A node whose number is another one reads the keys anew.
        let generation = Query::insert()
            .into_table("generations")
            .columns(["name", "value"])
            .values_panic(["signing-keys".into(), 0.into()])
            .to_owned();
        manager.execute(generation).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let generation = Query::delete()
            .from_table("generations")
            .and_where(Expr::col("name").eq("signing-keys"))
            .to_owned();
        manager.execute(generation).await?;
        manager
            .drop_table(Table::drop().table("issued_tokens").to_owned())
            .await
    }
}

/// What is known of tokens that were made by hand. The tokens themselves are kept nowhere.
fn issued_tokens() -> TableCreateStatement {
    Table::create()
        .table("issued_tokens")
        .col(string_len("jti", 255).primary_key())
        .col(text("name"))
        .col(text("sub"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .to_owned()
}
