//! The schema: it comes up, goes down and comes up again, and its rows are what the entities say.

use std::{collections::BTreeMap, fs};

use portolan_migrations::{Migrator, MigratorTrait};
use portolan_storage::{Engine, StorageError, both_engines};

use crate::raw::{Column, Raw};

both_engines! {
    async fn goes_down_and_comes_up_again(database: TestDatabase) {
        let raw = Raw::of(&database).await;
        Migrator::down(raw.connection(), None).await.unwrap();
        assert_eq!(raw.tables().await, ["seaql_migrations"]);
        Migrator::up(raw.connection(), None).await.unwrap();
        assert_eq!(Migrator::get_pending_migrations(raw.connection()).await.unwrap().len(), 0);
        assert_eq!(raw.tables().await.len(), entities().len() + 1);
    }

    async fn the_entities_are_the_migrated_tables(database: TestDatabase) {
        let raw = Raw::of(&database).await;
        let mut migrated = BTreeMap::new();
        for table in raw.tables().await {
            let mut columns = raw.columns(&table).await;
            columns.sort();
            migrated.insert(table, columns);
        }
        migrated.remove("seaql_migrations").unwrap();
        assert_eq!(migrated, entities());
    }

    async fn migrating_again_changes_nothing(database: TestDatabase) {
        let raw = Raw::of(&database).await;
        let before = raw.contents().await;
        assert!(!before["seaql_migrations"].is_empty());
        assert_eq!(before["instance_secrets"].len(), 1);
        database.store.migrate().await.unwrap();
        assert_eq!(raw.contents().await, before);
    }

    async fn a_newer_schema_is_refused_by_name(database: TestDatabase) {
        let newer = "INSERT INTO seaql_migrations (version, applied_at) \
                     VALUES ('m20991231_000001_newer', 0)";
        Raw::of(&database).await.run(newer).await;
        let refused = database.store.migrate().await.unwrap_err();
        let StorageError::Database(why) = refused else {
            panic!("the database was expected to refuse, not {refused:?}");
        };
        assert!(why.to_string().contains("m20991231_000001_newer"), "{why}");
    }

    async fn a_store_knows_its_engine_and_answers(database: TestDatabase) {
        assert_eq!(Some(database.store.engine()), Engine::of_url(&database.settings.url));
        database.store.ping().await.unwrap();
        database.store.clone().close().await.unwrap();
        let silent = database.store.ping().await;
        assert!(matches!(silent, Err(StorageError::Unavailable(_))), "{silent:?}");
    }
}

/// Table and columns of every entity, as its file declares them.
fn entities() -> BTreeMap<String, Vec<Column>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/entity");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .filter_map(|file| entity(&fs::read_to_string(file).unwrap()))
        .collect()
}

fn entity(source: &str) -> Option<(String, Vec<Column>)> {
    let (_, after) = source.split_once("table_name = \"")?;
    let (table, after) = after.split_once('"').unwrap();
    let (fields, _) = after.split_once("\n}").unwrap();
    let field = |line: &str| {
        let (name, kind) = line.trim().strip_prefix("pub ")?.split_once(": ")?;
        Some(Column {
            name: name.to_owned(),
            nullable: kind.starts_with("Option<"),
        })
    };
    let mut columns: Vec<_> = fields.lines().filter_map(field).collect();
    columns.sort();
    Some((table.to_owned(), columns))
}
