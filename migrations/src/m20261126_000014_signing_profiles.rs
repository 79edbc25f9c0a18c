//! With which key an operator's CDN lets URLs be signed, and for whom.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(profiles()).await?;
        manager.create_table(allows()).await?;
        let index = Index::create()
            .name("signing_allows_by_owner")
            .table("signing_allows")
            .col("owner_id")
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["signing_allows", "signing_profiles"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

/// At most one of a CDN, and it goes with the CDN.
fn profiles() -> TableCreateStatement {
    Table::create()
        .table("signing_profiles")
        .col(big_integer("cdn_id").primary_key())
        // `akamai`, `cloudfront`, `fastly`, `bunny`, `cloudflare` or `nginx`.
        .col(string_len("kind", 16))
        // What the CDN calls the key.
        .col(string_len_null("key_id", 128))
        // `sha1` or `sha256`; null for the kind's default.
        .col(string_len_null("hash", 16))
        // Sealed by the instance's data key.
        .col(blob("secret_sealed"))
        .foreign_key(&mut reference(
            ("signing_profiles", "cdn_id"),
            ("cdns", "id"),
        ))
        .to_owned()
}

/// What may be signed for an owner: everything below these prefixes, and nothing else.
fn allows() -> TableCreateStatement {
    Table::create()
        .table("signing_allows")
        .col(big_integer("cdn_id"))
        .col(big_integer("owner_id"))
        // Without a slash at its end; empty for the root.
        .col(string_len("prefix", 2048))
        .primary_key(Index::create().col("cdn_id").col("owner_id").col("prefix"))
        .foreign_key(&mut reference(
            ("signing_allows", "cdn_id"),
            ("signing_profiles", "cdn_id"),
        ))
        .foreign_key(&mut reference(
            ("signing_allows", "owner_id"),
            ("owners", "id"),
        ))
        .to_owned()
}

fn reference(
    (table, column): (&'static str, &'static str),
    (other, key): (&'static str, &'static str),
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, column)
        .to(other, key)
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}
