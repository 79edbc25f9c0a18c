//! Reconciliation: the new is added, the changed updated, the gone removed, and what did not change
//! is not written.

use portolan_domain::import::Counts;
use portolan_storage::{StorageError, both_engines, testing::TestDatabase};

use crate::{
    raw::{Raw, changed},
    support::{Case, NOW, create_owners, entitlement, id},
};

both_engines! {
    async fn a_first_import_stores_all(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        assert_eq!(import(&database, &three()).await, Counts { added: 3, ..counts() });
        let raw = Raw::of(&database).await;
        assert_eq!(ids(&raw, "entitlements").await, ["a", "b", "c"]);
        assert_eq!(ids(&raw, "entitlement_ids").await, ["a", "b", "c"]);
        assert_eq!(ids(&raw, "pools").await, ["p1", "p2"]);
        let kinds = raw.column::<String>("SELECT DISTINCT kind FROM entitlement_ids").await;
        assert_eq!(kinds, ["UPSTREAM"]);
    }

    async fn what_did_not_change_is_not_written(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        import(&database, &three()).await;
        let raw = Raw::of(&database).await;
        let before = raw.contents().await;
        for table in ["entitlements", "entitlement_ids", "pools"] {
            raw.forbid_writing(table).await;
        }
        let again = three().a_day_later();
        assert_eq!(import(&database, &again).await, Counts { unchanged: 3, ..counts() });
        // Keys are sealed differently each time: equal bytes were not written again.
        let tables = changed(&before, &raw.contents().await);
        assert_eq!(tables, ["imports", "owners", "upstream_consumers"]);
    }

    async fn the_table_that_nobody_may_write_refuses_a_change(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        import(&database, &three()).await;
        let raw = Raw::of(&database).await;
        raw.forbid_writing("pools").await;
        let mut other = three().a_day_later();
        other.entitlements[0].pool.quantity += 1;
        let refused = other.import(&database.store).await.unwrap_err();
        assert!(matches!(refused, StorageError::Database(_)), "{refused:?}");
    }

    async fn every_change_of_an_entitlement_is_stored(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        import(&database, &three()).await;
        let raw = Raw::of(&database).await;
        let mut case = three();
        for change in 0..7 {
            case = case.a_day_later();
            let entitlement = &mut case.entitlements[1];
            let certificate = entitlement.certificate.as_mut().unwrap();
            match change {
                0 => entitlement.quantity = 7,
                1 => entitlement.starts_at = None,
                2 => entitlement.ends_at = entitlement.starts_at,
                3 => certificate.cert.push('\n'),
                4 => certificate.key = None,
                5 => entitlement.pool = three().entitlements[0].pool.clone(),
                _ => entitlement.certificate = None,
            }
            let before = raw.contents().await;
            let done = import(&database, &case).await;
            assert_eq!(done, Counts { updated: 1, unchanged: 2, ..counts() }, "change {change}");
            let after = raw.contents().await;
            let kept = |row: &&Vec<String>| before["entitlements"].contains(row);
            let kept = after["entitlements"].iter().filter(kept).count();
            assert_eq!(kept, 2, "change {change}");
        }
        let quantity = "SELECT quantity FROM entitlements WHERE id = 'b'";
        assert_eq!(raw.column::<i64>(quantity).await, [7]);
        let bare = "entitlements WHERE cert IS NULL AND key_sealed IS NULL AND serial IS NULL";
        assert_eq!(ids(&raw, bare).await, ["b"]);
        assert_eq!(ids(&raw, "entitlements WHERE pool_id = 'p1'").await, ["a", "b", "c"]);
        assert_eq!(ids(&raw, "pools").await, ["p1"], "nobody has the other pool any more");
    }

    async fn a_changed_pool_is_updated(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        import(&database, &three()).await;
        let mut case = three().a_day_later();
        for entitlement in &mut case.entitlements {
            entitlement.pool.contract_number = Some(format!("new {}", entitlement.pool.id));
        }
        assert_eq!(import(&database, &case).await, Counts { unchanged: 3, ..counts() });
        let numbers = "SELECT contract_number FROM pools ORDER BY id";
        let numbers = Raw::of(&database).await.column::<String>(numbers).await;
        assert_eq!(numbers, ["new p1", "new p2"]);
    }

    async fn what_is_gone_is_removed_with_its_pool(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        import(&database, &three()).await;
        let mut case = three().a_day_later();
        case.entitlements.retain(|entitlement| entitlement.id.as_str() != "b");
        assert_eq!(import(&database, &case).await, Counts { removed: 1, unchanged: 2, ..counts() });
        let raw = Raw::of(&database).await;
        assert_eq!(ids(&raw, "entitlements").await, ["a", "c"]);
        assert_eq!(ids(&raw, "entitlement_ids").await, ["a", "c"]);
        assert_eq!(ids(&raw, "pools").await, ["p1"]);
    }

    async fn a_renewed_entitlement_keeps_its_pool(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        import(&database, &three()).await;
        let raw = Raw::of(&database).await;
        raw.forbid_writing("pools").await;
        let mut case = three().a_day_later();
        case.entitlements[1] = entitlement("b-renewed", "p2");
        let done = import(&database, &case).await;
        assert_eq!(done, Counts { added: 1, removed: 1, unchanged: 2, ..counts() });
        assert_eq!(ids(&raw, "entitlements").await, ["a", "b-renewed", "c"]);
        assert_eq!(ids(&raw, "pools").await, ["p1", "p2"]);
        let gone = database.store.entitlement_answer(&id("b"), NOW).await.unwrap();
        assert_eq!(gone, None, "the old id still answers");
    }

    async fn a_manifest_without_entitlements_removes_all(database: TestDatabase) {
        create_owners(&database.store, &["acme", "other"]).await;
        import(&database, &three()).await;
        let others = Case::of("other").with(entitlement("z", "p1"));
        import(&database, &others).await;
        let empty = Case::of("acme").a_day_later();
        assert_eq!(import(&database, &empty).await, Counts { removed: 3, ..counts() });
        let raw = Raw::of(&database).await;
        for (table, left) in [("entitlements", "z"), ("entitlement_ids", "z"), ("pools", "p1")] {
            assert_eq!(ids(&raw, table).await, [left], "{table}: another owner's stay");
        }
        assert_eq!(import(&database, &three().a_day_later().a_day_later()).await.added, 3);
    }

    async fn thousands_come_in_batches_and_a_part_goes(database: TestDatabase) {
        create_owners(&database.store, &["acme", "other"]).await;
        import(&database, &Case::of("other").with(entitlement("b0000", "shared"))).await;
        // Ids that databases sort differently: capitals, dashes, underscores.
        let names = (0..2600).map(|n| format!("{}{n:04}", ["a", "B", "_", "-"][n % 4]));
        let mut case = Case::of("acme");
        case.entitlements = names.map(|name| entitlement(&name, &format!("pool-{name}"))).collect();
        assert_eq!(import(&database, &case).await, Counts { added: 2600, ..counts() });

        let mut less = case.a_day_later();
        let mut number = 0;
        less.entitlements.retain(|_| { number += 1; number % 3 != 0 });
        less.entitlements[9].quantity = 2;
        let left = less.entitlements.len() as u64;
        let done = import(&database, &less).await;
        let wanted = Counts { updated: 1, removed: 2600 - left, unchanged: left - 1, ..counts() };
        assert_eq!(done, wanted);

        let raw = Raw::of(&database).await;
        let mut names: Vec<_> = less.entitlements.iter().map(|e| e.id.to_string()).collect();
        names.push("b0000".to_owned());
        names.sort();
        assert_eq!(ids(&raw, "entitlements").await, names);
        assert_eq!(ids(&raw, "entitlement_ids").await, names);
        assert_eq!(raw.count("pools").await, i64::try_from(left).unwrap() + 1);
    }
}

/// Three entitlements of two pools.
fn three() -> Case {
    Case::of("acme")
        .with(entitlement("a", "p1"))
        .with(entitlement("b", "p2"))
        .with(entitlement("c", "p1"))
}

fn counts() -> Counts {
    Counts::default()
}

async fn import(database: &TestDatabase, case: &Case) -> Counts {
    case.import(&database.store).await.unwrap().counts
}

/// The ids in a table, sorted by their bytes.
async fn ids(raw: &Raw, table: &str) -> Vec<String> {
    let mut ids = raw
        .column::<String>(&format!("SELECT id FROM {table}"))
        .await;
    ids.sort();
    ids
}
