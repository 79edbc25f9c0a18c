//! A dry run tells what would change: each field that differs, no key, and no more than can be read.

use portolan_domain::{
    import::{Change, ChangeAction, ChangeKind, FieldChange, FieldValue},
    secret::PrivateKeyPem,
    trust::Verification,
};
use portolan_storage::{ImportRecord, both_engines, testing::TestDatabase};
use time::macros::datetime;

use crate::support::{
    CREATED, Case, cdn, create_owners, entitlement, id, key_lines, private_key, url, verified_by,
};

both_engines! {
    async fn a_first_import_would_add_all(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let changes = dry(&database, &two()).await.changes.into_list();
        assert!(changes.iter().all(|change| change.action == ChangeAction::Added), "{changes:?}");
        let kinds: Vec<_> = changes.iter().map(|c| (c.kind.as_str(), c.id.as_str())).collect();
        assert_eq!(kinds, [
            ("DATES", "acme"), ("UPSTREAM_CONSUMER", "consumer-of-acme"), ("CA", "candlepin ca.pem"),
            ("CDN", "acme"), ("MANIFEST_CDN", "edge"), ("ENTITLEMENT", "a"), ("ENTITLEMENT", "b"),
            ("POOL", "p1"), ("POOL", "p2"),
        ]);
        assert_eq!(field(&changes, ChangeKind::Dates, "generatedDate").before, None);
        let quantity = field(&changes, ChangeKind::Pool, "quantity");
        assert_eq!(quantity.after, Some(FieldValue::Number(10)));
    }

    async fn the_same_again_would_change_its_date_alone(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        two().import(&database.store).await.unwrap();
        let changes = dry(&database, &two().a_day_later()).await.changes.into_list();
        assert_eq!(changes.len(), 1, "{changes:?}");
        let date = field(&changes, ChangeKind::Dates, "generatedDate");
        let before = Some(FieldValue::Time(CREATED.truncate_to_microsecond()));
        assert_eq!(date.before, before);
    }

    async fn every_field_that_differs_is_told_and_no_key(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        two().import(&database.store).await.unwrap();
        let mut other = two().a_day_later();
        other.header.consumer.name = None;
        other.draft.cdn_url = None;
        other.header.cdn_label = Some(id("edge"));
        other.header.cdns = vec![cdn("edge", "https://other.example.com")];
        let mut ca = verified_by();
        ca.filename = id("renewed.pem");
        other.verification = Verification::Verified(ca);
        let a = &mut other.entitlements[0];
        a.quantity = 7;
        a.ends_at = Some(datetime!(2028-01-01 00:00 UTC));
        a.certificate.as_mut().unwrap().key = Some(PrivateKeyPem::new(private_key("new")));
        a.pool.product_name = None;
        other.entitlements[1] = entitlement("c", "p3");
        let record = dry(&database, &other).await;
        assert_eq!((record.counts.added, record.counts.updated, record.counts.removed), (1, 1, 1));
        let changes = record.changes.into_list();
        let names = |kind, id: &str| {
            let change = changes.iter().find(|c| c.kind == kind && c.id == id).unwrap();
            let names: Vec<_> = change.fields.iter().map(|field| field.name).collect();
            (change.action.as_str(), names)
        };
        assert_eq!(names(ChangeKind::UpstreamConsumer, "consumer-of-acme"), ("UPDATED", vec!["name"]));
        assert_eq!(names(ChangeKind::Ca, "renewed.pem"), ("UPDATED", vec!["filename"]));
        assert_eq!(names(ChangeKind::Cdn, "acme"), ("UPDATED", vec!["cdnUrl", "cdnLabel"]));
        assert_eq!(names(ChangeKind::ManifestCdn, "edge"), ("UPDATED", vec!["url"]));
        assert_eq!(names(ChangeKind::Entitlement, "a"), ("UPDATED", vec!["quantity", "endDate", "key"]));
        assert_eq!(names(ChangeKind::Entitlement, "b").0, "REMOVED");
        assert_eq!(names(ChangeKind::Entitlement, "c").0, "ADDED");
        assert_eq!(names(ChangeKind::Pool, "p1"), ("UPDATED", vec!["productName"]));
        assert_eq!(names(ChangeKind::Pool, "p2").0, "REMOVED");
        assert_eq!(names(ChangeKind::Pool, "p3").0, "ADDED");
        let told = format!("{changes:?}");
        for line in [key_lines("new"), key_lines("a")].concat() {
            assert!(!told.contains(&line), "a key was told: {told}");
        }
        // The import does the very same, and tells no list.
        let done = other.import(&database.store).await.unwrap();
        assert_eq!((done.counts, done.changes.into_list().len()), (record.counts, 0));
    }

    async fn a_long_list_is_cut_and_the_counts_are_not(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let many = |quantity: i64, range: std::ops::Range<u32>| {
            let mut case = Case::of("acme");
            for number in range {
                let mut one = entitlement(&format!("e{number:05}"), &format!("p{number}"));
                one.quantity = quantity;
                case = case.with(one);
            }
            case
        };
        let first = many(1, 0..1200);
        let record = dry(&database, &first).await;
        assert_eq!((record.counts.added, record.changes.left_out()), (1200, 400));
        first.import(&database.store).await.unwrap();
        // 600 changed, 600 gone with their pools, 600 new with theirs.
        let second = many(2, 600..1800).a_day_later();
        let record = dry(&database, &second).await;
        let counts = (record.counts.added, record.counts.updated, record.counts.removed);
        assert_eq!(counts, (600, 600, 600));
        assert_eq!(record.changes.left_out(), 800 + 200);
        let changes = record.changes.into_list();
        let of = |kind| changes.iter().filter(|change| change.kind == kind).count();
        assert_eq!((of(ChangeKind::Entitlement), of(ChangeKind::Pool)), (1000, 1000));
    }

    async fn a_consumer_that_was_forced_has_no_ca(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        two().import(&database.store).await.unwrap();
        let mut forced = two().a_day_later();
        let conflict = portolan_domain::conflict::Conflict::SignatureConflict;
        forced.verification = Verification::Forced(conflict);
        let changes = dry(&database, &forced).await.changes.into_list();
        let filename = field(&changes, ChangeKind::Ca, "filename");
        let was = Some(FieldValue::Text("candlepin ca.pem".to_owned()));
        assert_eq!((&filename.before, &filename.after), (&was, &None));
        let outcome = field(&changes, ChangeKind::Ca, "outcome");
        assert_eq!(outcome.after, Some(FieldValue::Text("FORCED".to_owned())));
    }
}

fn two() -> Case {
    let mut case = Case::of("acme")
        .with(entitlement("a", "p1"))
        .with(entitlement("b", "p2"));
    case.header.cdns = vec![cdn("edge", "https://edge.example.com")];
    case.draft.cdn_url = Some(url("https://given.example.com"));
    case
}

async fn dry(database: &TestDatabase, case: &Case) -> ImportRecord {
    let mut case = case.clone();
    case.draft.dry_run = true;
    case.import(&database.store).await.unwrap()
}

fn field<'a>(changes: &'a [Change], kind: ChangeKind, name: &str) -> &'a FieldChange {
    let change = changes.iter().find(|change| change.kind == kind).unwrap();
    let mut fields = change.fields.iter();
    fields.find(|field| field.name == name).unwrap()
}
