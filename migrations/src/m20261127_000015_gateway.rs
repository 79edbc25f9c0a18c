//! The container gateway: the repositories of a registry, and who may pull which of them. A holder's
//! repositories are one small value: ten thousand holders of a thousand each are ten thousand rows.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(repositories()).await?;
        manager
            .create_table(holders("gateway_users", "name", 255))
            .await?;
        manager
            .create_table(holders("gateway_hosts", "uuid", 64))
            .await?;
        let generation = Query::insert()
            .into_table("generations")
            .columns(["name", "value"])
            .values_panic(["gateway".into(), 0.into()])
            .to_owned();
        manager.execute(generation).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let generation = Query::delete()
            .from_table("generations")
            .and_where(Expr::col("name").eq("gateway"))
            .to_owned();
        manager.execute(generation).await?;
        for table in ["gateway_hosts", "gateway_users", "gateway_repositories"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

/// A repository keeps its number for as long as anybody knew its name: holders point to it by that.
fn repositories() -> TableCreateStatement {
    Table::create()
        .table("gateway_repositories")
        .col(big_integer("number").primary_key())
        .col(string_len("name", 255).unique_key())
        // Not listed: it is gone, for everybody.
        .col(boolean("listed"))
        .col(boolean("auth_required"))
        .to_owned()
}

fn holders(table: &'static str, key: &'static str, length: u32) -> TableCreateStatement {
    Table::create()
        .table(table)
        .col(string_len(key, length).primary_key())
        // The numbers of its repositories: the gaps between them, LEB128.
        .col(blob("repositories"))
        .to_owned()
}
