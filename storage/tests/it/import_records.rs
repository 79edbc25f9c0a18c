//! Import records: read back as they were told, newest first, in pages.

use portolan_domain::{
    conflict::Conflict,
    digest::Sha256Digest,
    import::{Counts, ImportStatus},
    manifest::ConsumerType,
    trust::Verification,
};
use portolan_storage::{ImportRecord, both_engines, testing::TestDatabase};
use uuid::Uuid;

use crate::{
    raw::Raw,
    support::{CREATED, Case, NOW, TIMINGS, create_owners, entitlement, id},
};

both_engines! {
    async fn a_record_is_read_back_as_it_was_told(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let case = Case::of("acme").with(entitlement("e1", "p1"));
        let told = case.import(&database.store).await.unwrap();
        assert_eq!(told.status, ImportStatus::Success);
        assert_eq!(told.status_message, "acme: manifest.zip was imported");
        assert_eq!(told.created_at, NOW.truncate_to_microsecond());
        assert_eq!(told.generated_at, Some(CREATED.truncate_to_microsecond()));
        assert_eq!(told.generated_by.as_deref(), Some("admin@example.com"));
        assert_eq!(told.upload.as_ref(), Some(&case.draft.upload));
        assert_eq!(told.counts, Counts { added: 1, ..Counts::default() });
        assert_eq!(told.timings, TIMINGS);
        consumer_and_verification(&told);
        let store = &database.store;
        assert_eq!(store.current_import(&case.owner).await.unwrap(), Some(told.clone()));
        assert_eq!(store.imports(&case.owner, None, 9).await.unwrap().items, [told]);
    }

    async fn a_record_of_a_bare_manifest_is_read_back(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let mut case = Case::of("acme").forcing(&Conflict::ALL);
        case.draft.upload.file_name = None;
        case.header.generated_by = None;
        case.header.consumer.name = None;
        case.header.consumer.consumer_type = ConsumerType::default();
        case.header.consumer.identity = None;
        case.verification = Verification::Forced(Conflict::UntrustedSigningCertificate);
        let told = case.import(&database.store).await.unwrap();
        assert_eq!(told.status_message, "acme: the manifest was imported");
        assert_eq!(database.store.current_import(&case.owner).await.unwrap(), Some(told));
    }

    async fn a_failure_is_read_back_as_it_was_told(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let (store, case) = (&database.store, Case::of("acme"));
        let why = "größer als …";
        let told = store.record_failure(&case.owner, &case.draft, why, TIMINGS).await.unwrap();
        assert_eq!((told.status, told.status_message.as_str()), (ImportStatus::Failure, why));
        assert_eq!(told.upload, Some(case.draft.upload));
        assert_eq!((&told.consumer, &told.verification), (&None, &None));
        assert_eq!(store.imports(&case.owner, None, 9).await.unwrap().items, [told]);
        assert_eq!(store.current_import(&case.owner).await.unwrap(), None);
    }

    async fn the_current_import_is_the_last_that_was_stored(database: TestDatabase) {
        create_owners(&database.store, &["acme", "other"]).await;
        let (store, case) = (&database.store, Case::of("acme"));
        assert_eq!(store.current_import(&case.owner).await.unwrap(), None);
        let first = case.import(store).await.unwrap();
        let second = case.a_day_later().import(store).await.unwrap();
        assert_ne!(first.id, second.id);
        store.record_failure(&case.owner, &case.draft, "no", TIMINGS).await.unwrap();
        Case::of("other").import(store).await.unwrap();
        assert_eq!(store.current_import(&case.owner).await.unwrap(), Some(second));
    }

    async fn an_undone_import_is_no_current_one(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let (store, case) = (&database.store, Case::of("acme"));
        case.import(store).await.unwrap();
        case.a_day_later().import(store).await.unwrap();
        let undo = "UPDATE imports SET status = 'DELETE' \
                    WHERE id = (SELECT id FROM imports ORDER BY id DESC LIMIT 1)";
        Raw::of(&database).await.run(undo).await;
        assert_eq!(store.current_import(&case.owner).await.unwrap(), None);
    }

    async fn records_come_newest_first_in_pages(database: TestDatabase) {
        create_owners(&database.store, &["acme", "other"]).await;
        let case = Case::of("acme");
        let mut told = Vec::new();
        for number in 0..5 {
            told.insert(0, failure(&database, &case, number).await);
            failure(&database, &Case::of("other"), number).await;
        }
        let (first, more) = page(&database, None, 2).await;
        assert_eq!((&first[..], more), (&told[..2], true));
        let (second, more) = page(&database, Some(first[1].id), 2).await;
        assert_eq!((&second[..], more), (&told[2..4], true));
        let (third, more) = page(&database, Some(second[1].id), 2).await;
        assert_eq!((&third[..], more), (&told[4..], false));
        assert_eq!(page(&database, Some(third[0].id), 2).await, (Vec::new(), false));
        assert_eq!(page(&database, None, 5).await, (told, false));
    }

    async fn a_verified_consumer_is_found_by_its_cas_public_key(database: TestDatabase) {
        create_owners(&database.store, &["acme", "other"]).await;
        let store = &database.store;
        Case::of("acme").import(store).await.unwrap();
        let key = Sha256Digest::of(b"public key");
        let other = Sha256Digest::of(b"another");
        let found = store.consumers_verified_by(&[other, key]).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0.as_str(), found[0].1.uuid.as_str()), ("acme", "consumer-of-acme"));
        let none = store.consumers_verified_by(&[Sha256Digest::of(b"certificate")]).await.unwrap();
        assert_eq!(none, []);
    }

    async fn the_consumer_is_stored_as_it_was_imported(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let (store, owner) = (&database.store, id("acme"));
        assert_eq!(store.upstream_consumer(&owner).await.unwrap(), None);
        let told = Case::of("acme").import(store).await.unwrap();
        let stored = store.upstream_consumer(&owner).await.unwrap().unwrap();
        assert_eq!((Some(stored.consumer), stored.owner), (told.consumer, owner));
        assert_eq!(Some(stored.verification), told.verification);
        let ca = stored.ca.unwrap();
        assert_eq!(ca.filename, "candlepin ca.pem");
        assert_eq!(ca.sha256, Sha256Digest::of(b"certificate"));
        assert_eq!(ca.spki_sha256, Sha256Digest::of(b"public key"));
    }
}

fn consumer_and_verification(told: &ImportRecord) {
    let consumer = told.consumer.as_ref().unwrap();
    assert_eq!(consumer.uuid, "consumer-of-acme");
    assert_eq!(consumer.name.as_deref(), Some("Satellit Köln"));
    assert_eq!(consumer.type_label.as_deref(), Some("satellite"));
    assert_eq!(
        consumer.web_url.as_deref(),
        Some("access.example.com/management")
    );
    let verification = told.verification.as_ref().unwrap();
    assert_eq!(verification.outcome, "VERIFIED");
    assert_eq!(verification.algorithm.as_deref(), Some("ML-DSA-65"));
    assert_eq!(
        verification.ca_filename.as_deref(),
        Some("candlepin ca.pem")
    );
}

async fn failure(database: &TestDatabase, case: &Case, number: u64) -> ImportRecord {
    let (store, why) = (&database.store, format!("failure {number}"));
    let record = store.record_failure(&case.owner, &case.draft, &why, TIMINGS);
    record.await.unwrap()
}

async fn page(
    database: &TestDatabase,
    after: Option<Uuid>,
    limit: u64,
) -> (Vec<ImportRecord>, bool) {
    let page = database.store.imports(&id("acme"), after, limit).await;
    let page = page.unwrap();
    (page.items, page.more)
}
