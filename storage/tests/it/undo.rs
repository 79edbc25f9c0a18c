//! Undo: afterwards it is as if the owner had never imported, but for its CDNs and its records.

use portolan_domain::{
    import::ImportStatus,
    registration::{Registration, Source},
};
use portolan_storage::{KeptFile, StorageError, both_engines};

use crate::{
    raw::{Raw, changed},
    support::{Case, by, cdn, create_owners, entitlement, id},
};

both_engines! {
    async fn an_import_is_undone(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme", "other", "third"]).await;
        let others = Case::of("other").with(entitlement("z", "p"));
        others.import(store).await.unwrap();
        let raw = Raw::of(&database).await;
        let before = raw.contents().await;
        let mut case = Case::of("acme").with(entitlement("a", "p")).with(entitlement("b", "q"));
        case.header.cdns = vec![cdn("mirror", "https://mirror.example.com")];
        case.files = vec![KeptFile { path: "products/1.json".to_owned(), content: vec![1] }];
        let imported = case.import(store).await.unwrap();
        for (name, source) in [("d", Source::Pool(id("p"))), ("o", Source::Owner)] {
            let registration = Registration { id: id(name), source };
            store.register_entitlement(&case.owner, &registration, &by()).await.unwrap();
        }
        let record = store.undo_import(&case.owner, &by()).await.unwrap();
        assert_eq!(record.status, ImportStatus::Delete);
        assert_eq!(record.status_message, "acme: the import was undone by ci");
        assert_eq!((record.by.as_str(), &record.upload), ("ci", &None));
        assert_eq!((record.counts.removed, record.counts.downstream_removed), (2, 2));
        assert_eq!((&record.consumer, &record.verification),
            (&imported.consumer, &imported.verification));
        let tables = changed(&before, &raw.contents().await);
        assert_eq!(tables, ["cdns", "imports", "owners"]);
        assert_eq!(store.imports(&case.owner, None, 1).await.unwrap().items, [record]);
        assert_eq!(store.current_import(&case.owner).await.unwrap(), None);

        let refused = store.undo_import(&case.owner, &by()).await.unwrap_err();
        assert!(matches!(refused, StorageError::WithoutImport(_)), "{refused:?}");
        let mut third = case.clone();
        third.owner = id("third");
        assert_eq!(third.import(store).await.unwrap().counts.added, 2);
        store.undo_import(&id("third"), &by()).await.unwrap();
        assert_eq!(case.import(store).await.unwrap().counts.added, 2, "the same manifest again");
        assert_eq!(store.verify_audit_log().await.unwrap().faults, []);
    }
}
