//! The feed of changes: what another process commits is heard, by the next beat at the latest.

use std::time::Duration;

use portolan_domain::ids::OwnerKey;
use portolan_storage::{CdnSetting, Engine, MasterKey, Store, both_engines, testing::TestDatabase};

use crate::support::{Case, by, create_owners, entitlement, id, url};

fn key(text: &str) -> OwnerKey {
    id(text)
}

async fn another(database: &TestDatabase) -> Store {
    let master = MasterKey::read(&database.folder.path().join("master.key")).unwrap();
    Store::connect(&database.settings, master).await.unwrap()
}

both_engines! {
    async fn what_another_process_commits_is_heard(database: TestDatabase) {
        create_owners(&database.store, &["acme", "other"]).await;
        let here = another(&database).await;
        let mut feed = here.feed().await.unwrap();
        feed.beat().await.unwrap();
        let (position, there) = (here.changes().position(), database.store.changes());
        let before = there.position();
        Case::of("acme").with(entitlement("e1", "p1")).import(&database.store).await.unwrap();
        assert!(!there.covers(&key("acme"), before), "at once, where it was done");
        assert!(here.changes().covers(&key("acme"), position), "not heard yet");
        // PostgreSQL by the next, SQLite by the one after it.
        feed.beat().await.unwrap();
        feed.beat().await.unwrap();
        assert!(!here.changes().covers(&key("acme"), position));
        let is_told_by_name = here.engine() == Engine::Postgres;
        assert_eq!(here.changes().covers(&key("other"), position), is_told_by_name);
        assert!(here.changes().changed_within(&key("acme"), Duration::from_mins(1)));
        feed.close().await;
    }

    async fn what_this_process_does_makes_nothing_else_old(database: TestDatabase) {
        create_owners(&database.store, &["acme", "other"]).await;
        let store = &database.store;
        let mut feed = store.feed().await.unwrap();
        feed.beat().await.unwrap();
        let position = store.changes().position();
        for _ in 0..3 {
            let setting = CdnSetting::Url(url("https://cdn.example.com"));
            store.set_owner_cdn(&key("acme"), &setting, &by()).await.unwrap();
            store.reset_owner_cdn(&key("acme"), &by()).await.unwrap();
            feed.beat().await.unwrap();
        }
        assert!(store.changes().covers(&key("other"), position));
        feed.close().await;
    }

    async fn an_owner_that_is_deleted_is_announced(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let here = another(&database).await;
        let mut feed = here.feed().await.unwrap();
        feed.beat().await.unwrap();
        let position = here.changes().position();
        database.store.delete_owner(&key("acme"), &by()).await.unwrap();
        feed.beat().await.unwrap();
        feed.beat().await.unwrap();
        assert!(!here.changes().covers(&key("acme"), position));
        feed.close().await;
    }

    async fn a_feed_that_is_opened_is_unsure_of_what_was_before(database: TestDatabase) {
        let store = &database.store;
        let position = store.changes().position();
        let feed = store.feed().await.unwrap();
        assert!(!store.changes().is_sure(position));
        assert!(store.changes().covers_all(position), "nothing is known to have changed");
        assert!(store.changes().is_sure(store.changes().position()));
        feed.close().await;
    }
}
