//! Sealing: no key stands in the database, and a sealed value opens only in its own place.

use std::fs;

use portolan_storage::{
    Engine, MasterKey, StorageError, Store, both_engines, testing::TestDatabase,
};

use crate::{
    raw::{Raw, places_of},
    support::{Case, NOW, certificate, create_owners, entitlement, id, key_lines},
};

both_engines! {
    async fn no_private_key_stands_in_the_database(database: TestDatabase) {
        imported(&database).await;
        let contents = Raw::of(&database).await.everything().await;
        for of in ["e1", "e2", "e3", "consumer-of-acme", "consumer-of-other"] {
            for line in key_lines(of) {
                assert_eq!(places_of(&contents, &line), [] as [String; 0], "a key of {of}");
                assert!(!on_disk(&database, line.as_bytes()), "a key of {of} is on the disk");
            }
        }
        assert_eq!(places_of(&contents, "PRIVATE KEY"), [] as [String; 0]);
        // What is not sealed is found so: the search is no empty one.
        assert_eq!(places_of(&contents, &certificate("e2").cert), ["entitlements"]);
        let identity = certificate("consumer-of-acme").cert;
        assert_eq!(places_of(&contents, &identity), ["upstream_consumers"]);
        let embedded = database.store.engine() == Engine::Sqlite;
        assert_eq!(on_disk(&database, identity.as_bytes()), embedded);
    }

    async fn the_identity_key_is_sealed_too(database: TestDatabase) {
        imported(&database).await;
        let sealed = "SELECT identity_key_sealed FROM upstream_consumers";
        for value in Raw::of(&database).await.column::<Vec<u8>>(sealed).await {
            assert_eq!(value[0], 1, "the version of a sealed value");
            assert!(value.len() > 200, "a whole key is in it");
        }
    }

    async fn another_master_key_is_refused(database: TestDatabase) {
        let other = MasterKey::create(&database.folder.path().join("other.key")).unwrap();
        let store = Store::connect(&database.settings, other).await.unwrap();
        let refused = store.migrate().await.unwrap_err();
        assert!(
            matches!(&refused, StorageError::MasterKey(why) if why.contains("another master key")),
            "{refused:?}"
        );
        let right = MasterKey::read(&database.folder.path().join("master.key")).unwrap();
        let store = Store::connect(&database.settings, right).await.unwrap();
        store.migrate().await.unwrap();
    }

    async fn a_key_copied_to_another_row_does_not_open(database: TestDatabase) {
        imported(&database).await;
        let raw = Raw::of(&database).await;
        for (from, to) in [("e1", "e2"), ("e1", "e3")] {
            raw.run(&format!(
                "UPDATE entitlements SET key_sealed = \
                 (SELECT key_sealed FROM entitlements WHERE id = '{from}') WHERE id = '{to}'"
            ))
            .await;
            corrupt(&database, to, "entitlements", to).await;
        }
        let untouched = database.store.entitlement_answer(&id("e1"), NOW).await.unwrap().unwrap();
        assert_eq!(untouched.certificate.unwrap().key, certificate("e1").key);
    }

    async fn a_data_key_copied_to_another_owner_does_not_open(database: TestDatabase) {
        imported(&database).await;
        let copy = "UPDATE owners SET data_key_sealed = \
                    (SELECT data_key_sealed FROM owners WHERE key = 'acme') WHERE key = 'other'";
        Raw::of(&database).await.run(copy).await;
        corrupt(&database, "e3", "owners", "other").await;
        let refused = Case::of("other").a_day_later().import(&database.store).await.unwrap_err();
        assert!(matches!(refused, StorageError::Corrupt { table: "owners", .. }), "{refused:?}");
    }

    async fn a_sealed_value_cut_short_does_not_open(database: TestDatabase) {
        imported(&database).await;
        let empty = match database.store.engine() {
            Engine::Sqlite => "x''",
            Engine::Postgres => "'\\x'::bytea",
        };
        let cut = format!("UPDATE entitlements SET key_sealed = {empty} WHERE id = 'e2'");
        Raw::of(&database).await.run(&cut).await;
        corrupt(&database, "e2", "entitlements", "e2").await;
    }
}

/// Two owners, three entitlements.
async fn imported(database: &TestDatabase) {
    let store = &database.store;
    create_owners(store, &["acme", "other"]).await;
    let case = Case::of("acme").with(entitlement("e1", "p"));
    case.with(entitlement("e2", "p"))
        .import(store)
        .await
        .unwrap();
    let case = Case::of("other").with(entitlement("e3", "p"));
    case.import(store).await.unwrap();
}

/// Asking for this entitlement fails, and says which row cannot be read back.
async fn corrupt(database: &TestDatabase, asked: &str, in_table: &str, of_row: &str) {
    let refused = database
        .store
        .entitlement_answer(&id(asked), NOW)
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, StorageError::Corrupt { table, row, .. }
            if *table == in_table && row == of_row),
        "{refused:?}"
    );
}

/// Whether the embedded database's files hold these bytes, free pages and log included.
fn on_disk(database: &TestDatabase, wanted: &[u8]) -> bool {
    let files = fs::read_dir(database.folder.path()).unwrap();
    let contents = files.map(|file| fs::read(file.unwrap().path()).unwrap());
    contents
        .into_iter()
        .any(|bytes| bytes.windows(wanted.len()).any(|w| w == wanted))
}
