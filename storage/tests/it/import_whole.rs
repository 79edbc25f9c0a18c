//! All or nothing: what is given up, refused or only tried leaves every row as it was, and no lock.

use std::time::Duration;

use portolan_domain::import::Counts;
use portolan_storage::{ImportRecord, KeptFile, StorageError, both_engines, testing::TestDatabase};
use tokio::time::timeout;

use crate::{
    raw::Raw,
    support::{Case, TIMINGS, cdn, create_owners, entitlement, id},
};

/// Far longer than an import takes, far shorter than a forgotten lock is waited for.
const SOON: Duration = Duration::from_secs(20);

both_engines! {
    async fn an_import_that_is_given_up_leaves_nothing(database: TestDatabase) {
        imported(&database).await;
        let raw = Raw::of(&database).await;
        let before = raw.contents().await;
        let case = next();
        let mut open = case.open(&database.store).await.unwrap();
        assert_eq!(raw.contents().await, before);
        open.add(case.entitlements.clone()).await.unwrap();
        open.keep(case.files.clone()).await.unwrap();
        drop(open);
        assert_eq!(raw.contents().await, before);
        comes_in_soon(&database).await;
    }

    async fn imports_given_up_do_not_use_up_the_pool(database: TestDatabase) {
        imported(&database).await;
        for _ in 0..2 * database.settings.pool_size {
            let mut open = next().open(&database.store).await.unwrap();
            open.add(next().entitlements).await.unwrap();
        }
        comes_in_soon(&database).await;
    }

    async fn an_import_that_is_given_up_while_it_waits_blocks_nobody(database: TestDatabase) {
        imported(&database).await;
        let first = next().open(&database.store).await.unwrap();
        let waiting = timeout(Duration::from_millis(200), next().open(&database.store)).await;
        assert!(waiting.is_err(), "two imports of one owner were open at once");
        drop(first);
        comes_in_soon(&database).await;
    }

    async fn a_refused_import_frees_the_owner(database: TestDatabase) {
        imported(&database).await;
        let refused = first().import(&database.store).await.unwrap_err();
        assert!(matches!(refused, StorageError::Conflicts(_)), "{refused:?}");
        comes_in_soon(&database).await;
    }

    async fn a_dry_run_tells_all_and_stores_nothing(database: TestDatabase) {
        imported(&database).await;
        let raw = Raw::of(&database).await;
        let before = raw.contents().await;
        let mut dry = next();
        dry.draft.dry_run = true;
        let told = dry.import(&database.store).await.unwrap();
        assert_eq!(told.counts, CHANGES);
        assert_eq!(raw.contents().await, before);
        let done = next().import(&database.store).await.unwrap();
        assert_eq!(told.status_message, "acme: manifest.zip would be imported");
        let stored = ImportRecord {
            id: done.id,
            status_message: done.status_message.clone(),
            changes: done.changes.clone(),
            ..told
        };
        assert_eq!(stored, done);
    }

    async fn a_dry_run_is_refused_as_the_import_would_be(database: TestDatabase) {
        imported(&database).await;
        let mut dry = first();
        dry.draft.dry_run = true;
        let refused = dry.import(&database.store).await.unwrap_err();
        assert!(matches!(refused, StorageError::Conflicts(_)), "{refused:?}");
    }

    async fn a_failure_stores_its_record_and_nothing_else(database: TestDatabase) {
        imported(&database).await;
        let (store, owner) = (&database.store, id("acme"));
        let raw = Raw::of(&database).await;
        let mut before = raw.contents().await;
        let current = store.current_import(&owner).await.unwrap();
        let record = store.record_failure(&owner, &next().draft, "no good", TIMINGS).await.unwrap();
        let mut after = raw.contents().await;
        let (old, new) = (before.remove("imports").unwrap(), after.remove("imports").unwrap());
        assert_eq!(after, before);
        assert_eq!(new.len(), old.len() + 1);
        assert!(old.iter().all(|row| new.contains(row)), "an older record changed");
        assert_eq!(store.imports(&owner, None, 1).await.unwrap().items, [record]);
        assert_eq!(store.current_import(&owner).await.unwrap(), current);
    }
}

/// What [`next`] changes after [`first`].
const CHANGES: Counts = Counts {
    added: 1,
    updated: 1,
    removed: 1,
    unchanged: 0,
    downstream_removed: 0,
};

fn first() -> Case {
    let case = Case::of("acme").with(entitlement("changed", "p1"));
    let mut case = case.with(entitlement("removed", "p2"));
    case.header.cdns = vec![cdn("old", "https://old.example.com")];
    case.files = vec![file("old")];
    case
}

fn next() -> Case {
    let mut case = Case::of("acme").a_day_later();
    case.entitlements = vec![entitlement("changed", "p1"), entitlement("added", "p3")];
    case.entitlements[0].quantity = 2;
    case.header.cdns = vec![cdn("new", "https://new.example.com")];
    case.files = vec![file("new")];
    case
}

fn file(name: &str) -> KeptFile {
    KeptFile {
        path: format!("products/{name}.json"),
        content: name.as_bytes().to_vec(),
    }
}

async fn imported(database: &TestDatabase) {
    create_owners(&database.store, &["acme"]).await;
    first().import(&database.store).await.unwrap();
}

/// No lock was left behind: the next import comes in at once.
async fn comes_in_soon(database: &TestDatabase) {
    let case = next();
    let import = timeout(SOON, case.import(&database.store));
    let record = import.await.expect("nothing holds a lock").unwrap();
    assert_eq!(record.counts, CHANGES);
}
