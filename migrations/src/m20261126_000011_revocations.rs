//! Which tokens were revoked, and the number of the last revocation.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(revocations()).await?;
        for (name, column) in [
            ("revocations_by_number", "number"),
            ("revocations_by_end", "expires_at"),
        ] {
            let index = Index::create()
                .name(name)
                .table("revocations")
                .col(column)
                .to_owned();
            manager.create_index(index).await?;
        }
        // Nodes ask for what is behind the last number that they know.
        let generation = Query::insert()
            .into_table("generations")
            .columns(["name", "value"])
            .values_panic(["revocations".into(), 0.into()])
            .to_owned();
        manager.execute(generation).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let generation = Query::delete()
            .from_table("generations")
            .and_where(Expr::col("name").eq("revocations"))
            .to_owned();
        manager.execute(generation).await?;
        manager
            .drop_table(Table::drop().table("revocations").to_owned())
            .await
    }
}

/// What was revoked. A token that was made elsewhere can be revoked here, hence no foreign key.
fn revocations() -> TableCreateStatement {
    Table::create()
        .table("revocations")
        // `jti`, `sub`, `user` or `issued-before`; of the last there is one row, without a value.
        .col(string_len("kind", 16))
        .col(string_len("value", 1024))
        .col(timestamp_with_time_zone("at"))
        // Of `issued-before`: the instant. Null in all other rows.
        .col(timestamp_with_time_zone_null("issued_before"))
        // From when on it matters no more; null where nobody knows.
        .col(timestamp_with_time_zone_null("expires_at"))
        // Its place among all: a row that changes gets a new one.
        .col(big_integer("number"))
        .primary_key(Index::create().col("kind").col("value"))
        .to_owned()
}
