//! The master key is replaced while everything runs, and a stop half-way loses nothing.

use std::{fs, path::Path};

use portolan_storage::{
    Identity, Lookup, MasterKey, NewCredential, Role, StorageError, Store, both_engines,
    testing::TestDatabase,
};

use crate::{
    raw::{Raw, changed},
    support::{Case, NOW, by, certificate, create_owners, entitlement, id},
};

both_engines! {
    async fn everything_opens_with_the_new_key_alone(database: TestDatabase) {
        filled(&database).await;
        let raw = Raw::of(&database).await;
        let (before, file) = (raw.contents().await, database.folder.path().join("master.key"));
        let old = fs::read_to_string(&file).unwrap();
        // Another program, which runs on with the old key in its memory.
        let running = opened(&database).await.unwrap();

        let rotation = database.store.rotate_master_key(&by()).await.unwrap();
        assert_eq!(rotation.resealed, 4, "two owners and two instance secrets");
        let new = fs::read_to_string(&file).unwrap();
        assert!(new != old && new.lines().count() == 1);
        let kept = rotation.before.unwrap();
        assert_eq!(fs::read_to_string(&kept).unwrap(), old);
        let tables = changed(&before, &raw.contents().await);
        assert_eq!(tables, ["instance_secrets", "owners"]);

        for store in [&running, &database.store, &opened(&database).await.unwrap()] {
            everything_opens(store).await;
        }
        // What was sealed is not what it was: the old key opens nothing of it.
        fs::write(&file, &old).unwrap();
        let refused = opened(&database).await.err().unwrap();
        assert!(matches!(&refused, StorageError::MasterKey(why)
            if why.contains("another master key")), "{refused:?}");
    }

    async fn a_program_with_the_old_key_makes_owners_that_open_with_the_new_one(
        database: TestDatabase
    ) {
        let running = opened(&database).await.unwrap();
        database.store.rotate_master_key(&by()).await.unwrap();
        create_owners(&running, &["late"]).await;
        let fresh = opened(&database).await.unwrap();
        Case::of("late").with(entitlement("e9", "p")).import(&fresh).await.unwrap();
    }

    async fn a_rotation_that_stopped_half_way_is_done_again(database: TestDatabase) {
        filled(&database).await;
        let file = database.folder.path().join("master.key");
        // Stopped before the database was sealed anew: the file holds both keys.
        database.store.prepare_master_key().await.unwrap();
        let prepared = fs::read_to_string(&file).unwrap();
        assert_eq!(prepared.lines().count(), 2);
        let fresh = opened(&database).await.unwrap();
        everything_opens(&fresh).await;
        create_owners(&fresh, &["between"]).await;
        fresh.prepare_master_key().await.unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), prepared, "prepared once is enough");
        let rotation = fresh.rotate_master_key(&by()).await.unwrap();
        assert_eq!(rotation.resealed, 5);
        assert!(prepared.starts_with(&fs::read_to_string(&file).unwrap()));
        // Stopped after it: the file still holds both, and the new one counts.
        fs::write(&file, &prepared).unwrap();
        let again = opened(&database).await.unwrap();
        everything_opens(&again).await;
        again.rotate_master_key(&by()).await.unwrap();
        everything_opens(&opened(&database).await.unwrap()).await;
    }

    async fn rotations_and_preparations_at_once_leave_a_key_that_opens(database: TestDatabase) {
        filled(&database).await;
        for _ in 0..4 {
            let mut work = tokio::task::JoinSet::new();
            for number in 0..4 {
                let store = opened(&database).await.unwrap();
                work.spawn(async move {
                    if number % 2 == 0 {
                        store.rotate_master_key(&by()).await.map(drop)
                    } else {
                        store.prepare_master_key().await
                    }
                });
            }
            for done in work.join_all().await {
                done.unwrap();
            }
            everything_opens(&opened(&database).await.unwrap()).await;
        }
    }

    async fn a_rotation_waits_for_imports_and_imports_for_it(database: TestDatabase) {
        create_owners(&database.store, &["a", "b", "c"]).await;
        let mut work = tokio::task::JoinSet::new();
        for owner in ["a", "b", "c"] {
            let store = opened(&database).await.unwrap();
            work.spawn(async move {
                for day in 0..4 {
                    let case = Case::of(owner).with(entitlement(&format!("e-{owner}"), "p"));
                    let created = case.header.created + time::Duration::days(day);
                    case.made_at(created).import(&store).await.unwrap();
                }
            });
        }
        let store = opened(&database).await.unwrap();
        for _ in 0..3 {
            store.rotate_master_key(&by()).await.unwrap();
        }
        work.join_all().await;
        let fresh = opened(&database).await.unwrap();
        for owner in ["a", "b", "c"] {
            let name = format!("e-{owner}");
            let answer = fresh.entitlement_answer(&id(&name), NOW).await.unwrap().unwrap();
            assert_eq!(answer.certificate.unwrap().key, certificate(&name).key);
        }
        assert_eq!(fresh.verify_audit_log().await.unwrap().faults, []);
    }
}

/// Two owners with keys of theirs, and an OAuth consumer.
async fn filled(database: &TestDatabase) {
    let store = &database.store;
    create_owners(store, &["acme", "other"]).await;
    for (owner, name) in [("acme", "e1"), ("other", "e2")] {
        let case = Case::of(owner).with(entitlement(name, "p"));
        case.import(store).await.unwrap();
    }
    let consumer = NewCredential {
        name: "thumbslug",
        identity: Identity::OAuth {
            key: "thumbslug",
            secret: "shhhhh",
        },
        role: Role::Proxy,
        owners: &[],
        expires_at: None,
    };
    store.create_credential(&consumer, &by()).await.unwrap();
}

async fn everything_opens(store: &Store) {
    for name in ["e1", "e2"] {
        let answer = store
            .entitlement_answer(&id(name), NOW)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(answer.certificate.unwrap().key, certificate(name).key);
    }
    let found = store.credential(Lookup::oauth("thumbslug")).await.unwrap();
    assert_eq!(found.unwrap().1.unwrap().expose(), "shhhhh");
    assert_eq!(store.verify_audit_log().await.unwrap().faults, []);
}

/// What another program makes of the database and the file.
async fn opened(database: &TestDatabase) -> Result<Store, StorageError> {
    let file = database.folder.path().join("master.key");
    let master = MasterKey::read(Path::new(&file))?;
    let store = Store::connect(&database.settings, master).await?;
    store.migrate().await?;
    Ok(store)
}
