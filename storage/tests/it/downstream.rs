//! Downstream entitlements: one namespace of ids, what answers for each, and what imports do to them.

use portolan_domain::{
    ids::OwnerKey,
    manifest::Entitlement,
    registration::{Registration, Source},
};
use portolan_storage::{
    EntitlementFilter, EntitlementKind, StorageError, StoredEntitlement, both_engines,
    testing::TestDatabase,
};
use time::{Duration, OffsetDateTime};

use crate::{
    raw::Raw,
    support::{Case, NOW, by, create_owners, entitlement, id},
};

both_engines! {
    async fn an_id_belongs_to_one_owner_and_one_kind(database: TestDatabase) {
        two_owners(&database).await;
        let store = &database.store;
        register(&database, "acme", "d", pool("p")).await.unwrap();
        for (owner, name) in [("other", "d"), ("acme", "acme-e"), ("other", "acme-e")] {
            let refused = register(&database, owner, name, Source::Owner).await.unwrap_err();
            assert!(matches!(&refused, StorageError::EntitlementIdInUse(taken)
                if taken.as_str() == name), "{refused:?}");
        }
        for owner in ["acme", "other"] {
            let case = Case::of(owner).a_day_later().with(entitlement("d", "p"));
            let refused = case.import(store).await.unwrap_err();
            assert!(matches!(refused, StorageError::EntitlementIdInUse(_)), "{refused:?}");
        }
        assert!(store.revoke_entitlement(&id("acme"), &id("d"), &by()).await.unwrap());
        register(&database, "other", "d", Source::Owner).await.unwrap();
        let answer = store.entitlement_answer(&id("d"), NOW).await.unwrap().unwrap();
        assert_eq!(answer.owner.key.as_str(), "other");
    }

    async fn what_does_not_change_is_not_written(database: TestDatabase) {
        two_owners(&database).await;
        let first = register(&database, "acme", "d", upstream("acme-e")).await.unwrap();
        assert_eq!((first.pool_id.as_deref(), first.upstream_id.as_deref()),
            (Some("p"), Some("acme-e")));
        let raw = Raw::of(&database).await;
        let before = raw.everything().await;
        let again = register(&database, "acme", "d", upstream("acme-e")).await.unwrap();
        assert_eq!(again, first);
        assert_eq!(raw.everything().await, before);
        let moved = register(&database, "acme", "d", Source::Owner).await.unwrap();
        assert_eq!((moved.pool_id, moved.upstream_id), (None, None));
        assert_eq!(moved.created_at, first.created_at);
        let generation = "SELECT generation FROM owners WHERE key = 'acme'";
        assert_eq!(raw.column::<i64>(generation).await, [3], "an import and two changes");
    }

    async fn only_what_the_owner_has_can_be_named(database: TestDatabase) {
        two_owners(&database).await;
        for (source, kind) in [
            (pool("other-p"), "pool"),
            (upstream("other-e"), "upstream entitlement"),
            (upstream("d"), "upstream entitlement"),
        ] {
            let refused = register(&database, "acme", "d", source).await.unwrap_err();
            assert!(matches!(refused, StorageError::NotFound { what, .. } if what == kind),
                "{refused:?}");
        }
        let nobody = register(&database, "nobody", "d", Source::Owner).await.unwrap_err();
        assert!(matches!(nobody, StorageError::NotFound { what: "owner", .. }), "{nobody:?}");
        let ids = "SELECT id FROM entitlement_ids WHERE kind = 'DOWNSTREAM'";
        assert_eq!(Raw::of(&database).await.column::<String>(ids).await, Vec::<String>::new());
    }

    async fn a_revoked_one_is_gone_and_an_upstream_one_stays(database: TestDatabase) {
        two_owners(&database).await;
        let (store, acme): (_, OwnerKey) = (&database.store, id("acme"));
        register(&database, "acme", "d", pool("p")).await.unwrap();
        assert!(!store.revoke_entitlement(&id("other"), &id("d"), &by()).await.unwrap());
        assert!(store.revoke_entitlement(&acme, &id("d"), &by()).await.unwrap());
        assert!(!store.revoke_entitlement(&acme, &id("d"), &by()).await.unwrap());
        assert_eq!(store.entitlement(&id("d")).await.unwrap(), None);
        assert_eq!(store.entitlement_answer(&id("d"), NOW).await.unwrap(), None);
        assert_eq!(Raw::of(&database).await.count("downstream_entitlements").await, 0);
        let refused = store.revoke_entitlement(&acme, &id("acme-e"), &by()).await.unwrap_err();
        assert!(matches!(refused, StorageError::EntitlementIsUpstream(_)), "{refused:?}");
    }

    async fn the_active_one_that_ends_last_answers(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let day = |n| Some(NOW + Duration::days(n));
        Case::of("acme")
            .with(lasting("ended-long-ago", "p", None, day(-20)))
            .with(lasting("ended", "p", None, day(-10)))
            .with(lasting("b-soon", "p", day(-1), day(5)))
            .with(lasting("a-soon", "p", day(-1), day(5)))
            .with(lasting("later", "p", day(3), day(9)))
            .with(bare("bare", "p", day(-1), day(99)))
            .with(lasting("elsewhere", "q", None, None))
            .import(&database.store)
            .await
            .unwrap();
        register(&database, "acme", "of-pool", pool("p")).await.unwrap();
        register(&database, "acme", "of-owner", Source::Owner).await.unwrap();
        for (at, wanted) in [
            (0, "a-soon"),
            (3, "later"),
            (8, "later"),
            // Nothing with a certificate is active from then on: the one that ends last.
            (9, "bare"),
        ] {
            let now = NOW + Duration::days(at);
            assert_eq!(upstream_of(&database, "of-pool", now).await, wanted, "day {at}");
            assert_eq!(upstream_of(&database, "of-owner", now).await, "elsewhere");
            let owners = database.store.owner_answer(&id("acme"), now).await.unwrap();
            assert_eq!((owners.id, owners.upstream_id.as_deref()), (None, Some("elsewhere")));
        }
    }

    async fn a_named_one_answers_until_it_is_renewed(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let case = Case::of("acme").with(entitlement("a", "p")).with(entitlement("b", "p"));
        case.import(&database.store).await.unwrap();
        register(&database, "acme", "of-b", upstream("b")).await.unwrap();
        register(&database, "acme", "of-pool", pool("p")).await.unwrap();
        assert_eq!(upstream_of(&database, "of-b", NOW).await, "b");
        assert_eq!(upstream_of(&database, "of-pool", NOW).await, "a");
        let renewed = Case::of("acme").a_day_later().with(entitlement("c", "p"));
        let counts = renewed.import(&database.store).await.unwrap().counts;
        assert_eq!((counts.added, counts.removed, counts.downstream_removed), (1, 2, 0));
        for name in ["of-b", "of-pool"] {
            assert_eq!(upstream_of(&database, name, NOW).await, "c");
        }
    }

    async fn a_named_one_that_moves_takes_them_along(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let case = Case::of("acme").with(entitlement("a", "p"));
        case.import(&database.store).await.unwrap();
        register(&database, "acme", "of-a", upstream("a")).await.unwrap();
        register(&database, "acme", "of-pool", pool("p")).await.unwrap();
        let moved = Case::of("acme").a_day_later().with(entitlement("a", "q"));
        let counts = moved.import(&database.store).await.unwrap().counts;
        assert_eq!((counts.updated, counts.downstream_removed), (1, 1));
        let left = database.store.entitlement(&id("of-a")).await.unwrap().unwrap();
        assert_eq!(left.pool_id.as_deref(), Some("q"));
        assert_eq!(upstream_of(&database, "of-a", NOW).await, "a");
        assert_eq!(database.store.entitlement(&id("of-pool")).await.unwrap(), None);
    }

    async fn they_go_with_their_pool_and_others_stay(database: TestDatabase) {
        two_owners(&database).await;
        let raw = Raw::of(&database).await;
        for (owner, name, source) in [
            ("acme", "of-pool", pool("p")),
            ("acme", "of-e", upstream("acme-e")),
            ("acme", "of-owner", Source::Owner),
            ("other", "others", pool("other-p")),
        ] {
            register(&database, owner, name, source).await.unwrap();
        }
        let empty = Case::of("acme").a_day_later();
        let mut dry = empty.clone();
        dry.draft.dry_run = true;
        for case in [dry, empty] {
            let counts = case.import(&database.store).await.unwrap().counts;
            assert_eq!((counts.removed, counts.downstream_removed), (1, 2));
        }
        let left = "SELECT id FROM entitlement_ids WHERE kind = 'DOWNSTREAM' ORDER BY id";
        assert_eq!(raw.column::<String>(left).await, ["of-owner", "others"]);
        let answer = database.store.entitlement_answer(&id("of-owner"), NOW).await;
        let answer = answer.unwrap().unwrap();
        assert_eq!((answer.pool_id, answer.upstream_id, answer.certificate), (None, None, None));
    }

    async fn without_an_import_there_is_no_answer(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        register(&database, "acme", "d", Source::Owner).await.unwrap();
        let store = &database.store;
        let refused = store.entitlement_answer(&id("d"), NOW).await.unwrap_err();
        assert!(matches!(&refused, StorageError::WithoutImport(owner) if owner.as_str() == "acme"));
        let refused = store.owner_answer(&id("acme"), NOW).await.unwrap_err();
        assert!(matches!(refused, StorageError::WithoutImport(_)), "{refused:?}");
        Case::of("acme").with(entitlement("e", "p")).import(store).await.unwrap();
        assert_eq!(upstream_of(&database, "d", NOW).await, "e");
    }

    async fn both_kinds_are_listed_by_id(database: TestDatabase) {
        create_owners(&database.store, &["acme", "other"]).await;
        Case::of("acme")
            .with(entitlement("b", "p"))
            .with(entitlement("d", "q"))
            .import(&database.store)
            .await
            .unwrap();
        for (name, source) in [("a", pool("p")), ("c", pool("q")), ("e", Source::Owner)] {
            register(&database, "acme", name, source).await.unwrap();
        }
        register(&database, "other", "z", Source::Owner).await.unwrap();
        let all = EntitlementFilter::default();
        assert_eq!(list(&database, &all, "", 9).await, ("abcde".to_owned(), false));
        assert_eq!(list(&database, &all, "b", 2).await, ("cd".to_owned(), true));
        let kind = Some(EntitlementKind::Downstream);
        let downstream = EntitlementFilter { kind, pool: None };
        assert_eq!(list(&database, &downstream, "", 2).await, ("ac".to_owned(), true));
        let of_pool = EntitlementFilter { kind: None, pool: Some(id("p")) };
        assert_eq!(list(&database, &of_pool, "", 9).await, ("ab".to_owned(), false));
        assert_eq!(list(&database, &of_pool, "a", 9).await, ("b".to_owned(), false));
        let both = EntitlementFilter { kind, pool: Some(id("q")) };
        assert_eq!(list(&database, &both, "", 9).await, ("c".to_owned(), false));
        let shown = database.store.entitlement(&id("b")).await.unwrap().unwrap();
        assert_eq!((shown.kind, shown.quantity), (EntitlementKind::Upstream, Some(1)));
        assert_eq!(shown.product_name.as_deref(), Some("Übersicht"));
        assert_eq!(shown.certificate.unwrap().serial, "9182736455463728190");
    }

    async fn an_owner_goes_with_all_of_them(database: TestDatabase) {
        two_owners(&database).await;
        register(&database, "acme", "of-pool", pool("p")).await.unwrap();
        register(&database, "acme", "of-owner", Source::Owner).await.unwrap();
        database.store.delete_owner(&id("acme"), &by()).await.unwrap();
        let raw = Raw::of(&database).await;
        assert_eq!(raw.count("downstream_entitlements").await, 0);
        assert_eq!(raw.column::<String>("SELECT id FROM entitlement_ids").await, ["other-e"]);
    }

    async fn a_node_of_the_version_before_can_remove_a_pool(database: TestDatabase) {
        two_owners(&database).await;
        register(&database, "acme", "d", pool("p")).await.unwrap();
        let raw = Raw::of(&database).await;
        raw.run("DELETE FROM entitlements WHERE id = 'acme-e'").await;
        raw.run("DELETE FROM pools WHERE id = 'p'").await;
        assert_eq!(database.store.entitlement(&id("d")).await.unwrap(), None);
        let again = register(&database, "acme", "d", Source::Owner).await.unwrap();
        assert_eq!(again.kind, EntitlementKind::Downstream);
    }
}

/// Two owners, each with an entitlement of one pool.
async fn two_owners(database: &TestDatabase) {
    create_owners(&database.store, &["acme", "other"]).await;
    for (owner, name, pool) in [("acme", "acme-e", "p"), ("other", "other-e", "other-p")] {
        let case = Case::of(owner).with(entitlement(name, pool));
        case.import(&database.store).await.unwrap();
    }
}

fn pool(name: &str) -> Source {
    Source::Pool(id(name))
}

fn upstream(name: &str) -> Source {
    Source::Upstream(id(name))
}

async fn register(
    database: &TestDatabase,
    owner: &str,
    name: &str,
    source: Source,
) -> Result<StoredEntitlement, StorageError> {
    let registration = Registration {
        id: id(name),
        source,
    };
    let store = &database.store;
    store
        .register_entitlement(&id(owner), &registration, &by())
        .await
}

/// The upstream entitlement that answers.
async fn upstream_of(database: &TestDatabase, name: &str, now: OffsetDateTime) -> String {
    let answer = database.store.entitlement_answer(&id(name), now).await;
    answer.unwrap().unwrap().upstream_id.unwrap()
}

fn lasting(
    name: &str,
    pool: &str,
    from: Option<OffsetDateTime>,
    until: Option<OffsetDateTime>,
) -> Entitlement {
    let second = |at: Option<OffsetDateTime>| at.map(OffsetDateTime::truncate_to_second);
    Entitlement {
        starts_at: second(from),
        ends_at: second(until),
        ..entitlement(name, pool)
    }
}

fn bare(
    name: &str,
    pool: &str,
    from: Option<OffsetDateTime>,
    until: Option<OffsetDateTime>,
) -> Entitlement {
    Entitlement {
        certificate: None,
        ..lasting(name, pool, from, until)
    }
}

/// The ids on a page, and whether there is more.
async fn list(
    database: &TestDatabase,
    filter: &EntitlementFilter,
    after: &str,
    limit: u64,
) -> (String, bool) {
    let after = (!after.is_empty()).then(|| id(after));
    let page = database
        .store
        .entitlements(&id("acme"), filter, after.as_ref(), limit)
        .await
        .unwrap();
    let ids: Vec<&str> = page.items.iter().map(|item| item.id.as_str()).collect();
    (ids.concat(), page.more)
}
