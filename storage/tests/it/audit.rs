//! The audit log: every change leaves its row, in the same transaction, and a changed or missing row
//! is found.

use portolan_storage::{
    Actor, AuditFilter, AuditRow, FaultKind, Outcome, StorageError, Store, both_engines,
};
use time::Duration;

use crate::{
    raw::Raw,
    support::{Case, NOW, TIMINGS, by, create_owners, entitlement, id},
};

both_engines! {
    async fn each_change_leaves_its_row_and_a_refused_one_none(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        assert!(store.create_owner(&id("acme"), "again", &by()).await.is_err());
        store.rename_owner(&id("acme"), "ACME", &by()).await.unwrap();
        let case = Case::of("acme").with(entitlement("e1", "p"));
        let record = case.import(store).await.unwrap();
        let mut dry = case.a_day_later();
        dry.draft.dry_run = true;
        dry.import(store).await.unwrap();
        assert!(case.import(store).await.is_err(), "the same again");
        store.record_failure(&id("acme"), &case.draft, "why not", TIMINGS).await.unwrap();
        store.delete_owner(&id("acme"), &by()).await.unwrap();

        let rows = rows(store).await;
        let told: Vec<_> = rows.iter().rev().map(|r| (&*r.action, &*r.outcome)).collect();
        assert_eq!(told, [
            ("owner.create", "success"), ("owner.update", "success"), ("import.create", "success"),
            ("import.create", "refused"), ("owner.delete", "success"),
        ]);
        let import = &rows[2];
        assert_eq!(import.subject, Some(record.id.to_string()));
        assert_eq!(import.owner_key.as_deref(), Some("acme"));
        assert_eq!((&*import.principal_kind, &*import.principal), ("api-key", "ci"));
        assert_eq!(import.request_id.as_deref(), Some("request-1"));
        assert_eq!(import.address.as_deref(), Some("192.0.2.7"));
        assert_eq!(import.at, NOW.truncate_to_microsecond());
        assert_eq!(rows[1].detail.as_deref(), Some("why not"));
        assert_eq!(rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
        assert_eq!(faults(store).await, []);
    }

    async fn what_cannot_be_recorded_is_not_done(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        let raw = Raw::of(&database).await;
        raw.forbid_writing("audit_log").await;
        let before = raw.contents().await;
        let refused = store.rename_owner(&id("acme"), "ACME", &by()).await.unwrap_err();
        assert!(matches!(refused, StorageError::Database(_)), "{refused:?}");
        assert!(store.create_owner(&id("b"), "b", &by()).await.is_err());
        assert!(Case::of("acme").import(store).await.is_err());
        assert!(store.rotate_master_key(&by()).await.is_err());
        assert_eq!(raw.contents().await, before);
    }

    async fn a_changed_row_is_found_whatever_was_changed(database: TestDatabase) {
        let raw = Raw::of(&database).await;
        filled(&database.store).await;
        for (column, value) in [
            ("at", "'2026-03-01 11:00:00+00:00'"), ("principal_kind", "'local'"), ("principal", "'x'"),
            ("action", "'owner.read'"), ("owner_key", "NULL"), ("subject", "'x'"),
            ("outcome", "'failed'"), ("detail", "''"), ("count", "7"), ("request_id", "NULL"),
            ("address", "'192.0.2.8'"),
        ] {
            let kept = "CREATE TABLE kept AS SELECT * FROM audit_log WHERE sequence = 3";
            raw.run(kept).await;
            raw.run(&format!("UPDATE audit_log SET {column} = {value} WHERE sequence = 3")).await;
            assert_eq!(faults(&database.store).await, [(3, FaultKind::Changed)], "{column}");
            raw.run("DELETE FROM audit_log WHERE sequence = 3").await;
            raw.run("INSERT INTO audit_log SELECT * FROM kept").await;
            raw.run("DROP TABLE kept").await;
            assert_eq!(faults(&database.store).await, [], "{column} is back");
        }
        // A row whose own hash was made to fit something else no longer leads to the next one.
        raw.run("UPDATE audit_log SET hash = (SELECT hash FROM audit_log WHERE sequence = 1) \
                 WHERE sequence = 3").await;
        assert_eq!(faults(&database.store).await,
            [(3, FaultKind::Changed), (4, FaultKind::Detached)]);
    }

    async fn missing_rows_are_found_wherever_they_were(database: TestDatabase) {
        let raw = Raw::of(&database).await;
        filled(&database.store).await;
        for (gone, first, to) in [("= 1", 1, 1), ("IN (2, 3)", 2, 3), ("= 5", 5, 5)] {
            raw.run("CREATE TABLE kept AS SELECT * FROM audit_log").await;
            raw.run(&format!("DELETE FROM audit_log WHERE sequence {gone}")).await;
            let found = faults(&database.store).await;
            assert_eq!(found, [(first, FaultKind::Missing { to })], "{gone}");
            raw.run("DELETE FROM audit_log").await;
            raw.run("INSERT INTO audit_log SELECT * FROM kept").await;
            raw.run("DROP TABLE kept").await;
        }
        raw.run("DELETE FROM audit_log").await;
        assert_eq!(faults(&database.store).await, [(1, FaultKind::Missing { to: 5 })]);
    }

    async fn rows_in_another_order_are_found(database: TestDatabase) {
        let raw = Raw::of(&database).await;
        filled(&database.store).await;
        for (from, to) in [(2, 100), (3, 2), (100, 3)] {
            raw.run(&format!("UPDATE audit_log SET sequence = {to} WHERE sequence = {from}")).await;
        }
        let found = faults(&database.store).await;
        assert!(found.contains(&(2, FaultKind::Detached)), "{found:?}");
        assert!(found.contains(&(2, FaultKind::Changed)), "{found:?}");
    }

    async fn an_end_that_is_gone_or_another_ones_is_found(database: TestDatabase) {
        let raw = Raw::of(&database).await;
        filled(&database.store).await;
        let other = format!("UPDATE audit_nodes SET hash = '{}'", "1".repeat(64));
        raw.run(&other).await;
        assert_eq!(faults(&database.store).await, [(5, FaultKind::End)]);
        raw.run("DELETE FROM audit_nodes").await;
        assert_eq!(faults(&database.store).await, [(5, FaultKind::End)]);
    }

    async fn a_chain_made_without_the_master_key_does_not_hold(database: TestDatabase) {
        // Whoever writes to the database alone can copy rows, but make none.
        let raw = Raw::of(&database).await;
        filled(&database.store).await;
        let forged = "INSERT INTO audit_log (node, sequence, at, principal_kind, principal, action, \
            outcome, count, previous_hash, hash) SELECT node, 6, at, principal_kind, principal, \
            'owner.delete', outcome, count, hash, previous_hash FROM audit_log WHERE sequence = 5";
        raw.run(forged).await;
        raw.run("UPDATE audit_nodes SET sequence = 6, hash = (SELECT hash FROM audit_log \
                 WHERE sequence = 6)").await;
        let found = faults(&database.store).await;
        assert_eq!(found, [(6, FaultKind::Changed), (6, FaultKind::End)]);
    }

    async fn an_end_that_was_set_back_is_found(database: TestDatabase) {
        // The hash of row 3 stands in row 3; what vouches for it as an end stands nowhere.
        let raw = Raw::of(&database).await;
        filled(&database.store).await;
        raw.run("DELETE FROM audit_log WHERE sequence > 3").await;
        raw.run("UPDATE audit_nodes SET sequence = 3, hash = (SELECT hash FROM audit_log \
                 WHERE sequence = 3)").await;
        assert_eq!(faults(&database.store).await, [(3, FaultKind::End)]);
        raw.run("DELETE FROM audit_log").await;
        let zero = "0".repeat(64);
        raw.run(&format!("UPDATE audit_nodes SET sequence = 0, hash = '{zero}'")).await;
        assert_eq!(faults(&database.store).await, [(0, FaultKind::End)]);
    }

    async fn nodes_have_chains_of_their_own(database: TestDatabase) {
        let (one, two) = (
            database.store.clone().as_node("one"),
            database.store.clone().as_node("two"),
        );
        let mut writers = tokio::task::JoinSet::new();
        for number in 0..20 {
            let store = if number % 2 == 0 { one.clone() } else { two.clone() };
            writers.spawn(async move {
                create_owners(&store, &[&format!("owner-{number}")]).await;
            });
        }
        writers.join_all().await;
        let report = one.verify_audit_log().await.unwrap();
        assert_eq!((report.rows, report.faults), (20, vec![]));
        let ends: Vec<_> = report.ends.iter().map(|(node, end)| (node.as_str(), end.0)).collect();
        assert_eq!(ends, [("one", 10), ("two", 10)]);
    }

    async fn rows_are_chosen_and_paged(database: TestDatabase) {
        let store = &database.store;
        let later = Actor { at: NOW + Duration::HOUR, name: "other".to_owned(), ..by() };
        store.create_owner(&id("acme"), "a", &by()).await.unwrap();
        store.create_owner(&id("beta"), "b", &later).await.unwrap();
        let read = later.did("key-material.read").of_owner(&id("acme")).times(7);
        let failed = later.did("authentication.fail").ended(Outcome::Refused);
        store.record_events(vec![read, failed]).await.unwrap();

        let choose = async |filter: AuditFilter<'_>| -> Vec<String> {
            let page = store.audit_log(&filter, 10).await.unwrap();
            page.items.into_iter().map(|row| row.action).collect()
        };
        let owners = [id("acme")];
        let of_acme = AuditFilter { owners: Some(&owners), ..AuditFilter::default() };
        assert_eq!(choose(of_acme).await, ["key-material.read", "owner.create"]);
        let nobodys = AuditFilter { owners: Some(&[]), ..AuditFilter::default() };
        assert_eq!(choose(nobodys).await, [] as [String; 0]);
        let of_ci = AuditFilter { principal: Some("ci"), ..AuditFilter::default() };
        assert_eq!(choose(of_ci).await, ["owner.create"]);
        let reads = AuditFilter { action: Some("key-material.read"), ..AuditFilter::default() };
        assert_eq!(choose(reads).await, ["key-material.read"]);
        let until = AuditFilter { until: Some(later.at), ..AuditFilter::default() };
        assert_eq!(choose(until).await, ["owner.create"]);
        let since = AuditFilter { since: Some(later.at), ..AuditFilter::default() };
        assert_eq!(choose(since).await.len(), 3);

        let page = store.audit_log(&AuditFilter::default(), 3).await.unwrap();
        assert!(page.more);
        let before = Some(page.items[2].id);
        let rest = AuditFilter { before, ..AuditFilter::default() };
        assert_eq!(choose(rest).await, ["owner.create"]);
        assert_eq!(page.items[1].count, 7);
    }
}

async fn filled(store: &Store) {
    create_owners(store, &["a", "b", "c", "d", "e"]).await;
}

async fn rows(store: &Store) -> Vec<AuditRow> {
    let page = store.audit_log(&AuditFilter::default(), 100).await;
    page.unwrap().items
}

async fn faults(store: &Store) -> Vec<(i64, FaultKind)> {
    let report = store.verify_audit_log().await.unwrap();
    let faults = report.faults.into_iter();
    faults.map(|fault| (fault.sequence, fault.kind)).collect()
}
