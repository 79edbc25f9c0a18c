//! What an export reads: one state of one owner, in batches, and the uuid that it bears.

use std::collections::BTreeSet;

use portolan_domain::{ids::EntitlementId, manifest::Entitlement};
use portolan_storage::{ExportReader, StorageError, Store, both_engines};

use crate::support::{Case, by, cdn, create_owners, entitlement, id};

/// An owner's import of this many entitlements, some with large pools.
fn case(owner: &str, count: u32, generation: &str) -> Case {
    let mut case = Case::of(owner);
    for number in 0..count {
        let mut made = entitlement(
            &format!("{owner}-{number:04}"),
            &format!("pool-{}", number % 7),
        );
        made.pool.account_number = Some(generation.to_owned());
        if number % 7 == 3 {
            let large = "x".repeat(300_000);
            made.pool.details = Some(format!("{{\"branding\":[\"{large}\"]}}"));
        }
        case = case.with(made);
    }
    case.header.cdns.push(cdn("own", "https://own.example.com"));
    case
}

async fn begin(store: &Store, owner: &str, only: Option<&[&str]>) -> ExportReader {
    let only = only.map(|ids| {
        ids.iter()
            .map(|one| id(one))
            .collect::<BTreeSet<EntitlementId>>()
    });
    store.begin_export(&id(owner), only).await.unwrap().unwrap()
}

async fn all(reader: &mut ExportReader) -> Vec<Entitlement> {
    let mut found = Vec::new();
    loop {
        let batch = reader.entitlements().await.unwrap();
        if batch.is_empty() {
            return found;
        }
        found.extend(batch);
    }
}

both_engines! {
    async fn everything_of_the_owner_comes_out_as_it_went_in(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme", "other"]).await;
        let went_in = case("acme", 600, "1");
        went_in.import(store).await.unwrap();
        case("other", 3, "1").import(store).await.unwrap();
        let mut reader = begin(store, "acme", None).await;
        assert_eq!(reader.count().await.unwrap(), 600);
        let came_out = all(&mut reader).await;
        assert_eq!(came_out.len(), 600);
        for (mut out, mut within) in came_out.into_iter().zip(went_in.entitlements) {
            // PostgreSQL keeps microseconds.
            for one in [&mut out, &mut within] {
                one.pool.starts_at = None;
            }
            assert_eq!(out.certificate, within.certificate);
            assert_eq!((out.id, out.quantity), (within.id, within.quantity));
            assert_eq!(out.pool, within.pool);
        }
        let source = reader.source().await.unwrap();
        assert_eq!((source.owner.key, source.consumer.uuid.as_str()),
                   (id("acme"), "consumer-of-acme"));
        assert_eq!(source.cdn_url, "https://cdn.redhat.com:443");
        let own = reader.cdn(&id("own")).await.unwrap().unwrap();
        assert_eq!(own.url.as_given(), "https://own.example.com");
        assert_eq!(reader.cdn(&id("nowhere")).await.unwrap(), None);
    }

    async fn some_are_chosen_and_only_the_owners_own(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme", "other", "empty"]).await;
        for owner in ["acme", "other"] {
            case(owner, 3, "1").import(store).await.unwrap();
        }
        let mut reader = begin(store, "acme", Some(&["acme-0002", "acme-0000"])).await;
        let ids: Vec<_> = all(&mut reader).await.into_iter().map(|e| e.id.to_string()).collect();
        assert_eq!(ids, ["acme-0000", "acme-0002"]);
        let mut none = begin(store, "acme", Some(&[])).await;
        assert_eq!((none.count().await.unwrap(), all(&mut none).await.len()), (0, 0));
        let others = BTreeSet::from([id("acme-0000"), id("other-0000")]);
        let refused = store.begin_export(&id("acme"), Some(others)).await.err().unwrap();
        assert!(matches!(&refused, StorageError::NotFound { what: "entitlement", name }
            if name == "other-0000"), "{refused:?}");
        assert!(store.begin_export(&id("empty"), None).await.unwrap().is_none());
        let unknown = store.begin_export(&id("nobody"), None).await;
        assert!(matches!(unknown, Err(StorageError::NotFound { what: "owner", .. })));
    }

    async fn an_import_meanwhile_is_not_seen(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        let before = case("acme", 600, "1");
        before.import(store).await.unwrap();
        let mut reader = begin(store, "acme", None).await;
        let first = reader.entitlements().await.unwrap();
        // The next manifest changes every pool, and takes the second half away.
        let after = case("acme", 300, "2").made_at(before.header.created + time::Duration::DAY);
        after.import(store).await.unwrap();
        let rest = all(&mut reader).await;
        assert_eq!(first.len() + rest.len(), 600);
        for one in first.iter().chain(&rest) {
            assert_eq!(one.pool.account_number.as_deref(), Some("1"));
        }
        let mut reader = begin(store, "acme", None).await;
        let now = all(&mut reader).await;
        assert_eq!(now.len(), 300);
        assert!(now.iter().all(|one| one.pool.account_number.as_deref() == Some("2")));
    }

    async fn an_owners_exports_bear_one_uuid(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme", "other"]).await;
        let uuid = async |owner: &str| store.exported_consumer(&id(owner), &by()).await.unwrap();
        let (one, two) = tokio::join!(uuid("acme"), uuid("acme"));
        assert_eq!(one, two);
        assert_eq!(uuid("acme").await, one);
        assert_ne!(uuid("other").await, one);
        store.delete_owner(&id("acme"), &by()).await.unwrap();
        create_owners(store, &["acme"]).await;
        assert_ne!(uuid("acme").await, one, "another owner of the same key");
    }
}
