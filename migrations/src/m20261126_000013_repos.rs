//! Repositories of an owner, the collections that are in them, and the commits that each has: what an edge
//! must know to tell which ref a URL is of.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(collections()).await?;
        // What the table below points to.
        let of_owner = Index::create()
            .name("collections_of_owner")
            .table("collections")
            .col("owner_id")
            .col("id")
            .unique()
            .to_owned();
        manager.create_index(of_owner).await?;
        manager.create_table(repos()).await?;
        let of_collection = Index::create()
            .name("repos_by_collection")
            .table("repos")
            .col("owner_id")
            .col("collection_id")
            .to_owned();
        manager.create_index(of_collection).await?;
        manager.create_table(commits()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["commits", "repos", "collections"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

/// Whose a collection is: one owner's, in however many of its repositories it is.
fn collections() -> TableCreateStatement {
    Table::create()
        .table("collections")
        .col(string_len("id", 255).primary_key())
        .col(big_integer("owner_id"))
        .foreign_key(
            ForeignKey::create()
                .from("collections", "owner_id")
                .to("owners", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

/// They point to their collection together with its owner: no repository is of another owner than its
/// collection.
fn repos() -> TableCreateStatement {
    Table::create()
        .table("repos")
        .col(big_pk_auto("id"))
        .col(string_len_uniq("name", 255))
        .col(big_integer("owner_id"))
        .col(string_len("collection_id", 255))
        // A JSON list of numbers.
        .col(text("require_auth_for_token_types"))
        .col(integer("default_token_type"))
        // Grows with every change of the repository or its commits.
        .col(big_integer("generation").default(0))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .foreign_key(
            ForeignKey::create()
                .from("repos", ("owner_id", "collection_id"))
                .to("collections", ("owner_id", "id"))
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}

fn commits() -> TableCreateStatement {
    Table::create()
        .table("commits")
        .col(big_integer("repo_id"))
        .col(string_len("id", 64))
        // Null: the repository's default, as it is then.
        .col(integer_null("token_type"))
        // A JSON list, sorted: it is read whole, and compared as a text.
        .col(text("refs"))
        .primary_key(Index::create().col("repo_id").col("id"))
        .foreign_key(
            ForeignKey::create()
                .from("commits", "repo_id")
                .to("repos", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
