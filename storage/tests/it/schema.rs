//! The schema: it comes up, goes down and comes up again, and its rows are what the entities say.

use std::{collections::BTreeMap, fs, time::Duration};

use portolan_migrations::{Migrator, MigratorTrait};
use portolan_storage::{
    DatabaseSettings, Engine, MasterKey, StorageError, Store, both_engines, testing::TestDatabase,
};
use sea_orm::{ConnectionTrait, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::{task::JoinSet, time::timeout};

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
        assert_eq!(before["instance_secrets"].len(), 2);
        database.store.migrate().await.unwrap();
        assert_eq!(raw.contents().await, before);
    }

    async fn eight_nodes_start_at_once_on_a_fresh_database(database: TestDatabase) {
        let settings = fresh(&database).await;
        let mut nodes = JoinSet::new();
        for _ in 0..8 {
            nodes.spawn(start(database.clone(), settings.clone()));
        }
        for started in nodes.join_all().await {
            started.unwrap();
        }
        let raw = Raw::connect(&settings.url).await;
        assert_eq!(raw.count("instance_secrets").await, 2);
        assert_eq!(raw.tables().await.len(), entities().len() + 1);
    }

    async fn a_fresh_database_that_another_node_writes_to_is_waited_for(database: TestDatabase) {
        let mut settings = fresh(&database).await;
        if database.store.engine() == Engine::Sqlite {
            settings.url += "?mode=rwc";
        }
        let other = Raw::connect(&settings.url).await;
        let hold = other.connection().begin_with_options(immediately()).await.unwrap();
        hold.execute_unprepared("CREATE TABLE other (id bigint)").await.unwrap();
        let mut node = tokio::spawn(start(database.clone(), settings));
        let early = timeout(Duration::from_millis(200), &mut node).await;
        hold.rollback().await.unwrap();
        let started = match early {
            Ok(started) => started,
            Err(_) => timeout(Duration::from_secs(20), node).await.unwrap(),
        };
        started.unwrap().unwrap();
        assert_eq!(other.count("instance_secrets").await, 2);
    }

    async fn two_nodes_prove_the_first_master_key_together(database: TestDatabase) {
        let raw = Raw::of(&database).await;
        raw.run("DELETE FROM instance_secrets").await;
        let hold = raw.connection().begin().await.unwrap();
        if database.store.engine() == Engine::Postgres {
            // Reading is free and writing is not: both nodes come as far as they can.
            let lock = "LOCK TABLE instance_secrets IN SHARE MODE";
            hold.execute_unprepared(lock).await.unwrap();
        }
        let mut nodes = JoinSet::new();
        for _ in 0..2 {
            nodes.spawn(start(database.clone(), database.settings.clone()));
        }
        if database.store.engine() == Engine::Postgres {
            Raw::of(&database).await.waiting_for_locks(2).await;
        }
        hold.rollback().await.unwrap();
        for started in nodes.join_all().await {
            started.unwrap();
        }
        assert_eq!(raw.count("instance_secrets").await, 2);
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

/// A database beside the test's own, with nothing in it.
async fn fresh(database: &TestDatabase) -> DatabaseSettings {
    let url = &database.settings.url;
    let url = match database.store.engine() {
        Engine::Sqlite => format!("sqlite://{}/fresh.db", database.folder.path().display()),
        Engine::Postgres => {
            let (server, name) = url.rsplit_once('/').unwrap();
            let create = format!("CREATE DATABASE {name}_fresh");
            Raw::of(database).await.run(&create).await;
            format!("{server}/{name}_fresh")
        }
    };
    DatabaseSettings::of_url(url, 2)
}

/// A transaction that is the one writer of SQLite from its beginning.
fn immediately() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}

/// What a node does when it starts.
async fn start(database: TestDatabase, settings: DatabaseSettings) -> Result<(), StorageError> {
    let master = MasterKey::read(&database.folder.path().join("master.key"))?;
    let store = Store::connect(&settings, master).await?;
    store.migrate().await
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
