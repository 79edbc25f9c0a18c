//! The container gateway: the repositories of a registry, who may pull which of them, who may log in, and the
//! tokens that are about. A holder's repositories are one small value: ten thousand holders of a thousand each are
//! ten thousand rows. What a feed changes has the generation of that feed, so that a node reads that alone.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [repositories(), holders(), accounts(), tokens()] {
            manager.create_table(table).await?;
        }
        for (table, column) in INDEXES {
            let index = Index::create()
                .name(format!("idx_{table}_{column}"))
                .table(table)
                .col(column)
                .to_owned();
            manager.create_index(index).await?;
        }
        for name in GENERATIONS {
            let generation = Query::insert()
                .into_table("generations")
                .columns(["name", "value"])
                .values_panic([name.into(), 0.into()])
                .to_owned();
            manager.execute(generation).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let generations = Query::delete()
            .from_table("generations")
            .and_where(Expr::col("name").is_in(GENERATIONS))
            .to_owned();
        manager.execute(generations).await?;
        for table in [
            "gateway_tokens",
            "gateway_accounts",
            "gateway_holders",
            "gateway_repositories",
        ] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

/// What nodes keep in memory: who may pull what, and who logged in.
const GENERATIONS: [&str; 2] = ["gateway", "gateway-logins"];

const INDEXES: [(&str, &str); 4] = [
    ("gateway_repositories", "generation"),
    ("gateway_holders", "generation"),
    ("gateway_tokens", "holder"),
    ("gateway_tokens", "expires_at"),
];

/// A repository keeps its number for as long as anybody knew its name: holders point to it by that.
fn repositories() -> TableCreateStatement {
    Table::create()
        .table("gateway_repositories")
        .col(big_integer("number").primary_key())
        .col(string_len("name", 255).unique_key())
        // Not listed: it is gone, for everybody.
        .col(boolean("listed"))
        .col(boolean("auth_required"))
        .col(big_integer("generation"))
        .to_owned()
}

fn holders() -> TableCreateStatement {
    Table::create()
        .table("gateway_holders")
        // `user` or `host`.
        .col(string_len("kind", 8))
        .col(string_len("name", 255))
        // The numbers of its repositories: the gaps between them, LEB128. None where nobody knows it any more.
        .col(blob_null("repositories"))
        .col(big_integer("generation"))
        .primary_key(Index::create().col("kind").col("name"))
        .to_owned()
}

fn accounts() -> TableCreateStatement {
    Table::create()
        .table("gateway_accounts")
        .col(string_len("name", 255).primary_key())
        // Argon2id, in PHC form.
        .col(string_len("password_hash", 255))
        .col(timestamp_with_time_zone("created_at"))
        .to_owned()
}

fn tokens() -> TableCreateStatement {
    Table::create()
        .table("gateway_tokens")
        // HMAC-SHA256 of the token, under a key of the instance's own.
        .col(string_len("digest", 64).primary_key())
        // `access` or `refresh`.
        .col(string_len("purpose", 8))
        // Of gateway_holders, whether there is a row or not.
        .col(string_len("holder_kind", 8))
        .col(string_len("holder", 255))
        .col(timestamp_with_time_zone("expires_at"))
        .to_owned()
}
