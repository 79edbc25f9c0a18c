//! From SQLite to PostgreSQL: everything, as it was, or nothing.

use std::collections::BTreeSet;

use portolan_domain::{
    grants::Grant,
    registration::{Registration, Source},
    repo::{RepoSettings, TokenType},
};
use portolan_storage::{
    CopyError, DatabaseSettings, Engine, MasterKey, NewRepo, Store, copy_database,
    testing::TestDatabase,
};

use crate::{
    raw::Raw,
    support::{Case, NOW, by, create_owners, entitlement, id},
};

/// A SQLite database with something in it, and a PostgreSQL database that was just created.
async fn both() -> (TestDatabase, DatabaseSettings) {
    let source = TestDatabase::new(Engine::Sqlite).await;
    let store = &source.store;
    create_owners(store, &["gone", "acme", "other"]).await;
    store.delete_owner(&id("gone"), &by()).await.unwrap();
    for owner in ["acme", "other"] {
        let first = entitlement(&format!("{owner}-0"), &format!("{owner}-pool"));
        Case::of(owner).with(first).import(store).await.unwrap();
    }
    let registered = Registration {
        id: id("down"),
        source: Source::Pool(id("acme-pool")),
    };
    store
        .register_entitlement(&id("acme"), &registered, &by())
        .await
        .unwrap();
    let repo = NewRepo {
        name: id("stable"),
        owner: id("acme"),
        settings: RepoSettings {
            collection: id("org.acme.Stable"),
            require_auth_for_token_types: BTreeSet::from([TokenType::default()]),
            default_token_type: TokenType::default(),
        },
    };
    store.put_repo(&repo, &by()).await.unwrap();
    let grants: BTreeSet<Grant> = BTreeSet::from([Grant {
        collection: id("org.acme.Stable"),
        pattern: id("app/*/stable"),
        until: Some(NOW),
    }]);
    store
        .put_grants(&id("acme"), &id("Ünal"), &grants, &by())
        .await
        .unwrap();
    let target = TestDatabase::new(Engine::Postgres).await;
    let (server, name) = target.settings.url.rsplit_once('/').unwrap();
    let create = format!("CREATE DATABASE {name}_copy");
    Raw::of(&target).await.run(&create).await;
    let url = format!("{server}/{name}_copy");
    (source, DatabaseSettings::of_url(url, 2))
}

async fn opened(source: &TestDatabase, copy: &DatabaseSettings) -> Store {
    let master = MasterKey::read(&source.folder.path().join("master.key")).unwrap();
    let store = Store::connect(copy, master).await.unwrap();
    store.migrate().await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives_as_it_was() {
    let (source, target) = both().await;
    let before = Raw::of(&source).await.everything().await;
    let copied = copy_database(&source.settings, &target).await.unwrap();
    let raw = Raw::of(&source).await;
    let mut tables = raw.tables().await;
    tables.retain(|table| table != "seaql_migrations");
    let mut names: Vec<&str> = copied.iter().map(|table| table.name).collect();
    names.sort_unstable();
    assert_eq!(names, tables, "a table is forgotten, or is none");
    let arrived = Raw::connect(&target.url).await;
    for table in &copied {
        let rows = i64::try_from(table.rows).unwrap();
        assert_eq!(arrived.count(table.name).await, rows, "{}", table.name);
        assert_eq!(raw.count(table.name).await, rows, "{}", table.name);
    }
    assert!(
        copied.iter().filter(|table| table.rows > 0).count() > 12,
        "{copied:?}"
    );
    assert_eq!(raw.everything().await, before, "the source is only read");
    // What is sealed opens with the same master key, and nothing else is answered.
    let copy = opened(&source, &target).await;
    for name in ["acme-0", "other-0", "down"] {
        let here = source
            .store
            .entitlement_answer(&id(name), NOW)
            .await
            .unwrap();
        let there = copy.entitlement_answer(&id(name), NOW).await.unwrap();
        assert!(here.is_some());
        assert_eq!(format!("{here:?}"), format!("{there:?}"));
    }
    let grants = source
        .store
        .grants_of(&id("acme"), &id("Ünal"))
        .await
        .unwrap();
    assert_eq!(
        copy.grants_of(&id("acme"), &id("Ünal")).await.unwrap(),
        grants
    );
    let report = copy.verify_audit_log().await.unwrap();
    assert!(report.faults.is_empty(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_number_is_given_twice() {
    let (source, target) = both().await;
    // The last owner goes: its number is no row's, and nobody's any more.
    create_owners(&source.store, &["last"]).await;
    let raw = Raw::of(&source).await;
    let last = raw.column::<i64>("SELECT max(id) FROM owners").await[0];
    source.store.delete_owner(&id("last"), &by()).await.unwrap();
    copy_database(&source.settings, &target).await.unwrap();
    let copy = opened(&source, &target).await;
    create_owners(&copy, &["new"]).await;
    let arrived = Raw::connect(&target.url).await;
    let new = arrived
        .column::<i64>("SELECT id FROM owners WHERE key = 'new'")
        .await[0];
    assert!(new > last, "{new} was given before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_with_anything_in_it_is_refused() {
    let (source, target) = both().await;
    let arrived = Raw::connect(&target.url).await;
    arrived.run("CREATE TABLE someones (id bigint)").await;
    let refused = copy_database(&source.settings, &target).await;
    assert!(
        matches!(&refused, Err(CopyError::TargetNotEmpty(table)) if table == "someones"),
        "{refused:?}"
    );
    assert_eq!(arrived.tables().await, ["someones"]);
    arrived.run("DROP TABLE someones").await;
    copy_database(&source.settings, &target).await.unwrap();
    let everything = arrived.everything().await;
    let again = copy_database(&source.settings, &target).await;
    assert!(
        matches!(again, Err(CopyError::TargetNotEmpty(_))),
        "{again:?}"
    );
    assert_eq!(arrived.everything().await, everything);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_copied_leaves_nothing() {
    let (source, target) = both().await;
    let raw = Raw::of(&source).await;
    // SQLite keeps a NUL in a text, and PostgreSQL does not.
    raw.run("UPDATE owners SET display_name = 'a' || char(0) WHERE key = 'other'")
        .await;
    let refused = copy_database(&source.settings, &target).await;
    assert!(matches!(refused, Err(CopyError::Store(_))), "{refused:?}");
    let arrived = Raw::connect(&target.url).await;
    assert_eq!(arrived.tables().await, [""; 0]);
    raw.run("UPDATE owners SET display_name = 'a' WHERE key = 'other'")
        .await;
    copy_database(&source.settings, &target).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_from_a_sqlite_file_to_postgres_alone() {
    let (source, target) = both().await;
    for (from, to) in [
        (&target, &source.settings),
        (&source.settings, &source.settings),
        (&target, &target),
    ] {
        let refused = copy_database(from, to).await;
        assert!(matches!(refused, Err(CopyError::Engines)), "{refused:?}");
    }
    let missing = source.folder.path().join("missing.db");
    let nowhere = DatabaseSettings::of_url(format!("sqlite://{}", missing.display()), 1);
    let refused = copy_database(&nowhere, &target).await;
    assert!(
        matches!(refused, Err(CopyError::NoSource(_))),
        "{refused:?}"
    );
    assert!(!missing.exists(), "looking for it made it");
    let raw = Raw::of(&source).await;
    raw.run(
        "DELETE FROM seaql_migrations WHERE version = (SELECT max(version) FROM seaql_migrations)",
    )
    .await;
    let refused = copy_database(&source.settings, &target).await;
    assert!(
        matches!(refused, Err(CopyError::SourceBehind)),
        "{refused:?}"
    );
}
