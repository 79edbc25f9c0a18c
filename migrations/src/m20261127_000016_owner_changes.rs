//! The word that an owner's answers have changed: in the same transaction, whichever version of Portolan or
//! person makes the change. PostgreSQL tells whoever listens to `portolan_owners` the owner's key; SQLite
//! counts, for other processes that look now and then.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

const POSTGRES_UP: &str = "
CREATE FUNCTION portolan_owner_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM pg_notify('portolan_owners', OLD.key);
    ELSE
        PERFORM pg_notify('portolan_owners', NEW.key);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER owner_changed AFTER UPDATE OF generation OR DELETE ON owners
    FOR EACH ROW EXECUTE FUNCTION portolan_owner_changed();
";
const POSTGRES_DOWN: &str = "
DROP TRIGGER owner_changed ON owners;
DROP FUNCTION portolan_owner_changed();
";
const SQLITE_UP: &str = "
CREATE TRIGGER owner_changed AFTER UPDATE OF generation ON owners
BEGIN UPDATE generations SET value = value + 1 WHERE name = 'owners'; END;
CREATE TRIGGER owner_deleted AFTER DELETE ON owners
BEGIN UPDATE generations SET value = value + 1 WHERE name = 'owners'; END;
";
const SQLITE_DOWN: &str = "DROP TRIGGER owner_changed; DROP TRIGGER owner_deleted;";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let first = Query::insert()
            .into_table("generations")
            .columns(["name", "value"])
            .values_panic(["owners".into(), 0.into()])
            .to_owned();
        manager.execute(first).await?;
        run(manager, POSTGRES_UP, SQLITE_UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, POSTGRES_DOWN, SQLITE_DOWN).await?;
        let row = Query::delete()
            .from_table("generations")
            .and_where(Expr::col("name").eq("owners"))
            .to_owned();
        manager.execute(row).await
    }
}

async fn run(manager: &SchemaManager<'_>, postgres: &str, sqlite: &str) -> Result<(), DbErr> {
    let sql = match manager.get_database_backend() {
        DbBackend::Postgres => postgres,
        _ => sqlite,
    };
    manager.get_connection().execute_unprepared(sql).await?;
    Ok(())
}
