//! Uploads that are kept, sealed, in pieces: what a restore puts back and what a job goes on with. And
//! the jobs, which any node can go on with.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(uploads()).await?;
        manager.create_table(upload_pieces()).await?;
        manager.create_table(jobs()).await?;
        for column in import_columns() {
            let alter = Table::alter()
                .table("imports")
                .add_column(column)
                .to_owned();
            manager.alter_table(alter).await?;
        }
        for (name, table, columns) in [
            ("uploads_by_owner", "uploads", vec!["owner_id", "id"]),
            ("imports_by_upload", "imports", vec!["upload_id"]),
            ("jobs_by_owner", "jobs", vec!["owner_id", "id"]),
            ("jobs_by_state", "jobs", vec!["state", "id"]),
            ("jobs_by_upload", "jobs", vec!["upload_id"]),
        ] {
            let mut index = Index::create().name(name).table(table).to_owned();
            for column in columns {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        let database = manager.get_connection();
        if database.get_database_backend() == sea_orm::DbBackend::Postgres {
            // Sealed bytes do not compress; trying costs more than storing them.
            let plain = "ALTER TABLE upload_pieces ALTER COLUMN sealed SET STORAGE EXTERNAL";
            database.execute_unprepared(plain).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_index(
                Index::drop()
                    .name("imports_by_upload")
                    .table("imports")
                    .to_owned(),
            )
            .await?;
        for column in ["upload_id", "cdn_url_parameter"] {
            let alter = Table::alter()
                .table("imports")
                .drop_column(column)
                .to_owned();
            manager.alter_table(alter).await?;
        }
        for table in ["jobs", "upload_pieces", "uploads"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}

/// What an import must remember to be put back: its upload, while that is kept, and the CDN URL that
/// its caller gave. No foreign key: a record outlives its upload.
fn import_columns() -> [ColumnDef; 2] {
    [
        uuid_null("upload_id").take(),
        text_null("cdn_url_parameter").take(),
    ]
}

fn of(
    table: &'static str,
    column: &'static str,
    parent: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, column)
        .to(parent, "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

fn uploads() -> TableCreateStatement {
    Table::create()
        .table("uploads")
        .col(uuid("id").primary_key())
        .col(big_integer("owner_id"))
        .col(timestamp_with_time_zone("created_at"))
        .col(text_null("file_name"))
        .col(string_len("sha256", 64))
        .col(big_integer("size"))
        .foreign_key(&mut of("uploads", "owner_id", "owners"))
        .to_owned()
}

/// Sealed by the owner's data key, each for its number: none can be left out or moved unnoticed.
fn upload_pieces() -> TableCreateStatement {
    Table::create()
        .table("upload_pieces")
        .col(uuid("upload_id"))
        .col(big_integer("number"))
        .col(blob("sealed"))
        .primary_key(Index::create().col("upload_id").col("number"))
        .foreign_key(&mut of("upload_pieces", "upload_id", "uploads"))
        .to_owned()
}

fn jobs() -> TableCreateStatement {
    Table::create()
        .table("jobs")
        .col(uuid("id").primary_key())
        .col(big_integer("owner_id"))
        .col(uuid_null("upload_id"))
        .col(string_len("state", 16))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(timestamp_with_time_zone_null("started_at"))
        .col(timestamp_with_time_zone_null("ended_at"))
        // JSON: who asked, and for what.
        .col(text("asked_by"))
        .col(text("request"))
        // Grows with every start: whoever holds an older number has lost the job.
        .col(big_integer("attempt"))
        // By the database's clock, in milliseconds since 1970: until then nobody else takes it.
        .col(big_integer("not_before_ms"))
        .col(big_integer("progress"))
        // The import that it became, or else JSON: a problem, or the record of a dry run.
        .col(uuid_null("import_id"))
        .col(boolean("unchanged"))
        .col(text_null("result"))
        .foreign_key(&mut of("jobs", "owner_id", "owners"))
        .to_owned()
}
