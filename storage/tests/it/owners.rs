//! Owners: created once, listed in pages, renamed, and deleted with all that is theirs.

use portolan_domain::{conflict::Conflict, digest::Sha256Digest, ids::OwnerKey};
use portolan_storage::{
    Identity, KeptFile, NewCredential, Page, Role, StorageError, both_engines,
    testing::TestDatabase,
};

use crate::{
    raw::{Raw, changed},
    support::{Case, TIMINGS, by, cdn, create_owners, entitlement, id},
};

both_engines! {
    async fn an_owner_is_created_once(database: TestDatabase) {
        let (store, key) = (&database.store, id::<OwnerKey>("acme"));
        let created = store.create_owner(&key, "ACME Ä", &by()).await.unwrap();
        assert_eq!(created.display_name, "ACME Ä");
        assert_eq!(store.owner(&key).await.unwrap(), created);
        let again = store.create_owner(&key, "another", &by()).await;
        assert!(
            matches!(&again, Err(StorageError::Taken { what: "owner", name }) if name == "acme"),
            "{again:?}"
        );
        assert_eq!(store.owner(&key).await.unwrap(), created, "it was written over");
    }

    async fn a_key_is_another_one_in_capitals(database: TestDatabase) {
        create_owners(&database.store, &["acme", "ACME"]).await;
        let owner = database.store.owner(&id("ACME")).await.unwrap();
        assert_eq!(owner.display_name, "ACME");
    }

    async fn an_unknown_owner_is_not_found(database: TestDatabase) {
        let (store, nobody) = (&database.store, id::<OwnerKey>("nobody"));
        let not_found = |error: &StorageError| {
            matches!(error, StorageError::NotFound { what: "owner", name } if name == "nobody")
        };
        assert!(not_found(&store.owner(&nobody).await.unwrap_err()));
        assert!(not_found(&store.rename_owner(&nobody, "x", &by()).await.unwrap_err()));
        assert!(not_found(&store.delete_owner(&nobody, &by()).await.unwrap_err()));
        assert!(not_found(&store.current_import(&nobody).await.unwrap_err()));
        assert!(not_found(&store.upstream_consumer(&nobody).await.unwrap_err()));
        assert!(not_found(&Case::of("nobody").import(store).await.unwrap_err()));
    }

    async fn owners_are_listed_in_pages(database: TestDatabase) {
        create_owners(&database.store, &["e", "b", "d", "a", "c"]).await;
        assert_eq!(page(&database, None, None, 2).await, (vec!["a", "b"], true));
        assert_eq!(page(&database, None, Some("b"), 2).await, (vec!["c", "d"], true));
        assert_eq!(page(&database, None, Some("d"), 2).await, (vec!["e"], false));
        assert_eq!(page(&database, None, Some("e"), 2).await, (vec![], false));
        assert!(!page(&database, None, None, 5).await.1, "nothing is behind the last");
    }

    async fn a_list_holds_only_what_the_caller_may_see(database: TestDatabase) {
        create_owners(&database.store, &["a", "b", "c", "d"]).await;
        let only = [id("d"), id("b"), id("z")];
        assert_eq!(page(&database, Some(&only), None, 9).await, (vec!["b", "d"], false));
        assert_eq!(page(&database, Some(&only), None, 1).await, (vec!["b"], true));
        assert_eq!(page(&database, Some(&only), Some("b"), 1).await, (vec!["d"], false));
        assert_eq!(page(&database, Some(&[]), None, 9).await, (vec![], false));
    }

    async fn renaming_changes_the_name_alone(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme", "other"]).await;
        Case::of("acme").import(store).await.unwrap();
        let raw = Raw::of(&database).await;
        let generation = "SELECT generation FROM owners WHERE key = 'acme'";
        let before = raw.column::<i64>(generation).await;
        let renamed = store.rename_owner(&id("acme"), "ACME", &by()).await.unwrap();
        assert_eq!(renamed.display_name, "ACME");
        assert_eq!(store.owner(&id("acme")).await.unwrap(), renamed);
        assert_eq!(store.owner(&id("other")).await.unwrap().display_name, "other");
        assert_eq!(raw.column::<i64>(generation).await, before);
    }

    async fn deleting_takes_all_that_is_the_owners_and_nothing_else(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["other"]).await;
        full("other").import(store).await.unwrap();
        let raw = Raw::of(&database).await;
        let before = raw.contents().await;

        create_owners(store, &["acme"]).await;
        full("acme").import(store).await.unwrap();
        store.record_failure(&id("acme"), &full("acme").draft, "no", TIMINGS).await.unwrap();
        let tables = changed(&before, &raw.contents().await);
        assert_eq!(tables, TABLES_OF_AN_OWNER, "the test fills every table of an owner");

        store.delete_owner(&id("acme"), &by()).await.unwrap();
        assert_eq!(raw.contents().await, before);
        // Its ids and its consumer are free again.
        let heir = Case { owner: id("other"), ..full("acme").forcing(&Conflict::ALL) };
        heir.import(store).await.unwrap();
    }

    async fn an_owner_with_a_bound_key_stays(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme", "other"]).await;
        full("acme").import(store).await.unwrap();
        let owners = [id("acme"), id("other")];
        let digest = Sha256Digest::of(b"secret");
        let (name, role) = ("ci", Role::Manager);
        let identity = Identity::ApiKey { sha256: digest };
        let key = NewCredential { name, identity, role, owners: &owners, expires_at: None };
        store.create_credential(&key, &by()).await.unwrap();

        let raw = Raw::of(&database).await;
        let before = raw.contents().await;
        let refused = store.delete_owner(&id("acme"), &by()).await.unwrap_err();
        assert!(
            matches!(&refused, StorageError::InUse { what: "owner", name, by }
                if name == "acme" && by.contains("API key")),
            "{refused:?}"
        );
        assert_eq!(raw.contents().await, before);
        store.revoke_credential("ci", &by()).await.unwrap();
        store.delete_owner(&id("acme"), &by()).await.unwrap();
    }
}

/// Every table in which an import and an owner leave rows.
const TABLES_OF_AN_OWNER: [&str; 8] = [
    "cdns",
    "entitlement_ids",
    "entitlements",
    "imports",
    "manifest_files",
    "owners",
    "pools",
    "upstream_consumers",
];

/// An import that fills every table, with ids of this owner's own.
fn full(owner: &str) -> Case {
    let mut case = Case::of(owner)
        .with(entitlement(&format!("{owner}-1"), "pool-1"))
        .with(entitlement(&format!("{owner}-2"), "pool-2"));
    case.header.cdns = vec![cdn("mirror", "https://mirror.example.com")];
    case.files = vec![KeptFile {
        path: "products/1.json".to_owned(),
        content: b"{}".to_vec(),
    }];
    case
}

async fn page(
    database: &TestDatabase,
    only: Option<&[OwnerKey]>,
    after: Option<&str>,
    limit: u64,
) -> (Vec<&'static str>, bool) {
    let Page { items, more } = database.store.owners(only, after, limit).await.unwrap();
    let names = ["a", "b", "c", "d", "e"];
    let name = |key: &OwnerKey| *names.iter().find(|n| **n == key.as_str()).unwrap();
    (items.iter().map(|owner| name(&owner.key)).collect(), more)
}
