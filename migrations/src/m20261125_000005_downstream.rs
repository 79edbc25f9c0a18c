//! Downstream entitlements: those of a local subscription system, each with where it comes from. And the
//! indexes that find the upstream entitlement that answers for one.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Name and table of each plain index.
const INDEXES: [(&str, &str); 4] = [
    ("entitlement_ids_of_owner", "entitlement_ids"),
    ("entitlements_by_end", "entitlements"),
    ("entitlements_by_pool_and_end", "entitlements"),
    ("downstream_entitlements_by_pool", "downstream_entitlements"),
];

/// Name, table and columns of each index that is no longer needed.
const REPLACED: [(&str, &str, &[&str]); 2] = [
    ("entitlement_ids_by_owner", "entitlement_ids", &["owner_id"]),
    (
        "entitlements_by_pool",
        "entitlements",
        &["owner_id", "pool_id"],
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // What the table below points to, and how an owner's ids are paged through.
        let of_owner = index(0, &["owner_id", "id"]).unique().to_owned();
        manager.create_index(of_owner).await?;
        manager.create_table(downstream_entitlements()).await?;
        // The one of an owner, or of a pool, that ends last is the first in these.
        let mut by_end = index(1, &["owner_id"]);
        by_end.col(("ends_at", IndexOrder::Desc)).col("id");
        manager.create_index(by_end).await?;
        let mut by_pool_and_end = index(2, &["owner_id", "pool_id"]);
        by_pool_and_end.col(("ends_at", IndexOrder::Desc)).col("id");
        manager.create_index(by_pool_and_end).await?;
        manager
            .create_index(index(3, &["owner_id", "pool_id", "id"]))
            .await?;
        // The new ones begin with what these have.
        for (name, table, _) in REPLACED {
            let index = Index::drop().name(name).table(table).to_owned();
            manager.drop_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("downstream_entitlements").to_owned())
            .await?;
        for (name, table, columns) in REPLACED {
            let mut index = Index::create().name(name).table(table).to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        // The last one went with its table.
        for (name, table) in &INDEXES[..3] {
            let index = Index::drop().name(*name).table(*table).to_owned();
            manager.drop_index(index).await?;
        }
        // Ids without an entitlement would keep others from them.
        let ids = Query::delete()
            .from_table("entitlement_ids")
            .and_where(Expr::col("kind").eq("DOWNSTREAM"))
            .to_owned();
        manager.execute(ids).await
    }
}

fn index(number: usize, columns: &[&'static str]) -> IndexCreateStatement {
    let (name, table) = INDEXES[number];
    let mut index = Index::create().name(name).table(table).to_owned();
    for column in columns {
        index.col(*column);
    }
    index
}

/// Rows go with their ids, which are the owner's: so no row can be of another owner than its id. They
/// go with their pools, too, when a node of the version before imports a manifest without a pool.
fn downstream_entitlements() -> TableCreateStatement {
    Table::create()
        .table("downstream_entitlements")
        .col(string_len("id", 64).primary_key())
        .col(big_integer("owner_id"))
        // Of the upstream entitlement that was named, too; null for the owner as a whole.
        .col(string_len_null("pool_id", 64))
        // The upstream entitlement that was named. Once it is renewed, there is none of this id.
        .col(string_len_null("upstream_id", 64))
        .col(timestamp_with_time_zone("created_at"))
        .foreign_key(
            ForeignKey::create()
                .from("downstream_entitlements", ("owner_id", "id"))
                .to("entitlement_ids", ("owner_id", "id"))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .from("downstream_entitlements", ("owner_id", "pool_id"))
                .to("pools", ("owner_id", "id"))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
