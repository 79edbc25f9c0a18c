//! What stands against an import: conflicts that may be forced, and ids of others, which nothing
//! forces. A refused import stores nothing.

use portolan_domain::{conflict::Conflict, trust::Verification};
use portolan_storage::{ImportRecord, StorageError, both_engines, testing::TestDatabase};
use time::{Duration, OffsetDateTime, macros::datetime};

use crate::{
    raw::Raw,
    support::{CREATED, Case, conflicts, create_owners, entitlement, id},
};

use Conflict::{DistributorConflict, ManifestOld, ManifestSame, SignatureConflict};

both_engines! {
    async fn the_same_second_is_the_same_manifest(database: TestDatabase) {
        imported(&database).await;
        for milliseconds in [0, 700, -200] {
            let same = CREATED + Duration::milliseconds(milliseconds);
            refused(&database, &one().made_at(same), &[ManifestSame]).await;
        }
        forced(&database, one(), &[ManifestSame]).await;
    }

    async fn an_older_manifest_is_old_and_not_the_same(database: TestDatabase) {
        imported(&database).await;
        let old = one().made_at(CREATED - Duration::SECOND);
        refused(&database, &old, &[ManifestOld]).await;
        refused(&database, &old.clone().forcing(&[ManifestSame]), &[ManifestOld]).await;
        forced(&database, old, &[ManifestOld]).await;
    }

    async fn another_consumer_is_another_distributor(database: TestDatabase) {
        imported(&database).await;
        let other = one().a_day_later().of_consumer("another");
        refused(&database, &other, &[DistributorConflict]).await;
        let record = forced(&database, other, &[DistributorConflict]).await;
        assert_eq!(record.consumer.unwrap().uuid, "another");
        let stored = database.store.upstream_consumer(&id("acme")).await.unwrap().unwrap();
        assert_eq!(stored.consumer.uuid, "another");
    }

    async fn conflicts_are_reported_together_and_forced_one_by_one(database: TestDatabase) {
        imported(&database).await;
        let worst = one().of_consumer("another").made_at(datetime!(2019-01-01 00:00 UTC));
        let force = |conflicts: &[Conflict]| worst.clone().forcing(conflicts);
        refused(&database, &worst, &[ManifestOld, DistributorConflict]).await;
        refused(&database, &force(&[ManifestOld]), &[DistributorConflict]).await;
        refused(&database, &force(&[DistributorConflict]), &[ManifestOld]).await;
        refused(&database, &force(&[SignatureConflict]), &[ManifestOld, DistributorConflict]).await;
        forced(&database, worst, &[ManifestOld, DistributorConflict]).await;
    }

    async fn the_date_of_the_last_import_counts_not_the_newest(database: TestDatabase) {
        imported(&database).await;
        let old = one().made_at(CREATED - Duration::DAY);
        forced(&database, old, &[ManifestOld]).await;
        let record = one().import(&database.store).await.unwrap();
        assert_eq!(record.forced_conflicts, [], "it is newer than the one that was forced in");
    }

    async fn only_what_stood_against_it_is_recorded_as_forced(database: TestDatabase) {
        imported(&database).await;
        let newer = one().a_day_later().forcing(&Conflict::ALL);
        assert_eq!(newer.import(&database.store).await.unwrap().forced_conflicts, []);
    }

    async fn a_forced_signature_is_recorded_first_and_without_a_ca(database: TestDatabase) {
        imported(&database).await;
        let mut case = one().forcing(&[ManifestSame, SignatureConflict]);
        case.verification = Verification::Forced(SignatureConflict);
        let record = case.import(&database.store).await.unwrap();
        assert_eq!(record.forced_conflicts, [SignatureConflict, ManifestSame]);
        let consumer = database.store.upstream_consumer(&id("acme")).await.unwrap().unwrap();
        assert_eq!((consumer.ca, consumer.verification.outcome.as_str()), (None, "FORCED"));
        assert_eq!(consumer.verification.ca_filename, None, "the CA of the import before is gone");
    }

    async fn dates_are_per_owner(database: TestDatabase) {
        imported(&database).await;
        create_owners(&database.store, &["other"]).await;
        let older = Case::of("other").made_at(datetime!(2017-01-01 00:00 UTC));
        assert_eq!(older.import(&database.store).await.unwrap().forced_conflicts, []);
    }

    async fn a_consumer_of_another_owner_is_refused_first(database: TestDatabase) {
        imported(&database).await;
        create_owners(&database.store, &["other"]).await;
        Case::of("other").import(&database.store).await.unwrap();
        let raw = Raw::of(&database).await;
        let before = raw.contents().await;
        let taken = Case::of("other").of_consumer("consumer-of-acme");
        let taken = taken.made_at(CREATED - Duration::DAY);
        for case in [taken.clone(), taken.forcing(&Conflict::ALL)] {
            let refused = case.import(&database.store).await.unwrap_err();
            assert!(
                matches!(&refused, StorageError::UpstreamConsumerInUse(uuid)
                    if uuid.as_str() == "consumer-of-acme"),
                "{refused:?}"
            );
        }
        assert_eq!(raw.contents().await, before);
    }

    async fn an_entitlement_id_of_another_owner_is_refused_whole(database: TestDatabase) {
        imported(&database).await;
        create_owners(&database.store, &["other"]).await;
        let raw = Raw::of(&database).await;
        let before = raw.contents().await;
        let case = Case::of("other").with(entitlement("new", "p")).with(entitlement("e1", "p"));
        for case in [case.clone(), case.forcing(&Conflict::ALL)] {
            let refused = case.import(&database.store).await.unwrap_err();
            assert!(
                matches!(&refused, StorageError::EntitlementIdInUse(id) if id.as_str() == "e1"),
                "{refused:?}"
            );
        }
        assert_eq!(raw.contents().await, before);
    }

    async fn an_id_in_a_later_batch_is_refused_too(database: TestDatabase) {
        imported(&database).await;
        create_owners(&database.store, &["other"]).await;
        let raw = Raw::of(&database).await;
        let before = raw.contents().await;
        let case = Case::of("other");
        let mut open = case.open(&database.store).await.unwrap();
        for name in ["x", "e1", "y"] {
            open.add(vec![entitlement(name, "p")]).await.unwrap();
        }
        open.keep(Vec::new()).await.unwrap();
        let refused = case.finish(open).await.unwrap_err();
        assert!(matches!(refused, StorageError::EntitlementIdInUse(_)), "{refused:?}");
        assert_eq!(raw.contents().await, before);
    }

    async fn a_downstream_id_is_no_upstream_one_even_of_the_same_owner(database: TestDatabase) {
        imported(&database).await;
        let register = "INSERT INTO entitlement_ids (id, owner_id, kind) \
                        SELECT 'downstream', id, 'DOWNSTREAM' FROM owners";
        Raw::of(&database).await.run(register).await;
        let case = one().a_day_later().with(entitlement("downstream", "p"));
        let refused = case.import(&database.store).await.unwrap_err();
        assert!(matches!(refused, StorageError::EntitlementIdInUse(_)), "{refused:?}");
        one().a_day_later().import(&database.store).await.unwrap();
    }
}

/// What the owner has at the start of these tests.
fn one() -> Case {
    Case::of("acme").with(entitlement("e1", "p1"))
}

async fn imported(database: &TestDatabase) {
    create_owners(&database.store, &["acme"]).await;
    one().import(&database.store).await.unwrap();
}

/// Exactly these conflicts are reported, and nothing is stored.
async fn refused(database: &TestDatabase, case: &Case, why: &[Conflict]) {
    let raw = Raw::of(database).await;
    let before = raw.contents().await;
    // An entitlement more: what is not stored must have had a chance to be.
    let case = case.clone().with(entitlement("more", "p2"));
    assert_eq!(conflicts(case.import(&database.store).await), why);
    assert_eq!(raw.contents().await, before);
}

/// Forcing exactly these lets it in, they are recorded, and its date counts from now on.
async fn forced(database: &TestDatabase, case: Case, conflicts: &[Conflict]) -> ImportRecord {
    let case = case.forcing(conflicts);
    let record = case.import(&database.store).await.unwrap();
    assert_eq!(record.forced_conflicts, conflicts);
    let last = "SELECT last_manifest_created_at FROM owners WHERE key = 'acme'";
    let last = Raw::of(database).await.column::<OffsetDateTime>(last).await;
    assert_eq!(
        last[0].unix_timestamp(),
        case.header.created.unix_timestamp()
    );
    record
}
