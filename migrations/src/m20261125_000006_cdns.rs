//! The operator's CDNs: when each was made and changed, and that it was; an owner's own word about
//! where its content is.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Table and column. Added one by one: SQLite takes one change at a time.
fn columns() -> Vec<(&'static str, ColumnDef)> {
    vec![
        // What the owner was told beside its imports. At most one of the two; both null: nothing.
        ("owners", text_null("cdn_url").take()),
        ("owners", string_len_null("cdn_label", 255).take()),
        // Null for a manifest's: those are as old as the import.
        ("cdns", timestamp_with_time_zone_null("created_at").take()),
        ("cdns", timestamp_with_time_zone_null("updated_at").take()),
    ]
}

const COLUMNS: [(&str, &str); 4] = [
    ("owners", "cdn_url"),
    ("owners", "cdn_label"),
    ("cdns", "created_at"),
    ("cdns", "updated_at"),
];

/// Who follows a label is asked before its CDN is deleted.
const INDEXES: [(&str, &str); 2] = [
    ("owners_by_cdn_label", "owners"),
    ("upstream_consumers_by_cdn_label", "upstream_consumers"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in columns() {
            let alter = Table::alter().table(table).add_column(column).to_owned();
            manager.alter_table(alter).await?;
        }
        for (name, table) in INDEXES {
            let index = Index::create()
                .name(name)
                .table(table)
                .col("cdn_label")
                .to_owned();
            manager.create_index(index).await?;
        }
        let first = Query::insert()
            .into_table("generations")
            .columns(["name", "value"])
            .values_panic(["cdns".into(), 0.into()])
            .to_owned();
        manager.execute(first).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let row = Query::delete()
            .from_table("generations")
            .and_where(Expr::col("name").eq("cdns"))
            .to_owned();
        manager.execute(row).await?;
        for (name, table) in INDEXES {
            let index = Index::drop().name(name).table(table).to_owned();
            manager.drop_index(index).await?;
        }
        for (table, column) in COLUMNS {
            let alter = Table::alter().table(table).drop_column(column).to_owned();
            manager.alter_table(alter).await?;
        }
        Ok(())
    }
}
