//! Imports at once, on stores of their own as on several nodes: one owner's are serialized, an id
//! goes to exactly one owner, and whoever loses is told why or may try again.

use std::sync::Arc;

use portolan_domain::conflict::Conflict;
use portolan_storage::{
    Engine, ImportRecord, MasterKey, StorageError, Store, both_engines, testing::TestDatabase,
};
use tokio::{
    sync::Barrier,
    task::{JoinHandle, JoinSet},
};

use crate::{
    raw::Raw,
    support::{Case, NOW, conflicts, create_owners, entitlement, id},
};

type Outcome = Result<ImportRecord, StorageError>;

both_engines! {
    async fn the_second_import_of_an_owner_sees_the_first(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        let case = Case::of("acme").with(entitlement("e1", "p1"));
        let mut open = case.open(&database.store).await.unwrap();
        open.add(case.entitlements.clone()).await.unwrap();
        let second = spawn(&database, case.clone()).await;
        case.finish(open).await.unwrap();
        assert_eq!(conflicts(second.await.unwrap()), [Conflict::ManifestSame]);
    }

    async fn what_was_stored_answers_while_an_import_is_open(database: TestDatabase) {
        let store = &database.store;
        create_owners(store, &["acme"]).await;
        let case = Case::of("acme").with(entitlement("old", "p1"));
        case.import(store).await.unwrap();
        let before = store.entitlement_answer(&id("old"), NOW).await.unwrap().unwrap();
        let next = Case::of("acme").a_day_later().with(entitlement("new", "p2"));
        let mut open = next.open(store).await.unwrap();
        open.add(next.entitlements.clone()).await.unwrap();
        assert_eq!(store.entitlement_answer(&id("old"), NOW).await.unwrap(), Some(before));
        assert_eq!(store.entitlement_answer(&id("new"), NOW).await.unwrap(), None);
        next.finish(open).await.unwrap();
        assert_eq!(store.entitlement_answer(&id("old"), NOW).await.unwrap(), None);
        assert!(store.entitlement_answer(&id("new"), NOW).await.unwrap().is_some());
    }

    async fn two_imports_of_one_owner_are_serialized(database: TestDatabase) {
        create_owners(&database.store, &["acme"]).await;
        for round in 0..5 {
            let case = Case::of("acme").with(entitlement(&format!("e{round}"), "p"));
            let case = (0..round).fold(case, |case, _| case.a_day_later());
            let first = spawn(&database, case.clone()).await;
            let second = spawn(&database, case).await;
            let mut outcomes = [first.await.unwrap(), second.await.unwrap()];
            outcomes.sort_by_key(Result::is_err);
            let [won, lost] = outcomes;
            assert_eq!(won.unwrap().counts.added, 1);
            assert_eq!(conflicts(lost), [Conflict::ManifestSame]);
        }
        assert_eq!(Raw::of(&database).await.count("entitlements").await, 1);
    }

    async fn an_id_that_another_import_took_meanwhile_is_in_use(database: TestDatabase) {
        create_owners(&database.store, &["a", "b"]).await;
        let first = Case::of("a").with(entitlement("same", "p"));
        let mut open = first.open(&database.store).await.unwrap();
        open.add(first.entitlements.clone()).await.unwrap();
        let second = spawn(&database, Case::of("b").with(entitlement("same", "p"))).await;
        first.finish(open).await.unwrap();
        in_use(&second.await.unwrap());
        assert_eq!(Raw::of(&database).await.count("pools").await, 1, "the loser left a pool");
    }

    async fn an_id_is_free_again_when_its_import_is_given_up(database: TestDatabase) {
        create_owners(&database.store, &["a", "b"]).await;
        let first = Case::of("a").with(entitlement("same", "p"));
        let mut open = first.open(&database.store).await.unwrap();
        open.add(first.entitlements.clone()).await.unwrap();
        let second = spawn(&database, Case::of("b").with(entitlement("same", "p"))).await;
        drop(open);
        second.await.unwrap().unwrap();
        in_use(&first.import(&database.store).await);
    }

    async fn two_owners_racing_for_an_id_have_one_winner(database: TestDatabase) {
        for round in 0..5 {
            let names = [format!("a{round}"), format!("b{round}")];
            create_owners(&database.store, &[&names[0], &names[1]]).await;
            let same = entitlement(&format!("id-{round}"), "p");
            let [a, b] = names.map(|owner| Case::of(&owner).with(same.clone()));
            let first = spawn(&database, a.clone()).await;
            let second = spawn(&database, b.clone()).await;
            let outcomes = [(a, first.await.unwrap()), (b, second.await.unwrap())];
            Box::pin(one_winner(&database, outcomes)).await;
        }
    }

    async fn two_owners_waiting_for_each_others_ids_have_one_winner(database: TestDatabase) {
        create_owners(&database.store, &["a", "b"]).await;
        let case = |owner, first, second| {
            Case::of(owner).with(entitlement(first, "p")).with(entitlement(second, "p"))
        };
        let (a, b) = (case("a", "x", "y"), case("b", "y", "x"));
        let meet = Arc::new(Barrier::new(2));
        let first = tokio::spawn(crossing(database.clone(), a.clone(), meet.clone()));
        let second = tokio::spawn(crossing(database.clone(), b.clone(), meet));
        let outcomes = [(a, first.await.unwrap()), (b, second.await.unwrap())];
        Box::pin(one_winner(&database, outcomes)).await;
    }

    async fn two_owners_racing_for_a_consumer_have_one_winner(database: TestDatabase) {
        create_owners(&database.store, &["a", "b"]).await;
        let case = |owner| Case::of(owner).of_consumer("same");
        let open = case("a").open(&database.store).await.unwrap();
        let second = spawn(&database, case("b")).await;
        // Owners do not wait for each other on PostgreSQL: whoever commits first wins.
        let first = case("a").finish(open).await;
        let second = second.await.unwrap();
        assert_ne!(first.is_ok(), second.is_ok(), "{first:?} {second:?}");
        let refused = first.err().or(second.err()).unwrap();
        assert!(
            matches!(&refused, StorageError::UpstreamConsumerInUse(id) if id.as_str() == "same"),
            "{refused:?}"
        );
        assert_eq!(Raw::of(&database).await.count("imports").await, 1);
    }

    async fn eight_owners_at_once_all_succeed(database: TestDatabase) {
        let owners: Vec<String> = (0..8).map(|number| format!("owner-{number}")).collect();
        let keys: Vec<&str> = owners.iter().map(String::as_str).collect();
        create_owners(&database.store, &keys).await;
        let mut imports = JoinSet::new();
        for owner in owners {
            let entitlements = (0..40).map(|n| entitlement(&format!("{owner}-{n}"), "p"));
            let case = Case { entitlements: entitlements.collect(), ..Case::of(&owner) };
            let store = database.store.clone();
            imports.spawn(async move { case.import(&store).await });
        }
        for outcome in imports.join_all().await {
            assert_eq!(outcome.unwrap().counts.added, 40);
        }
        assert_eq!(Raw::of(&database).await.count("entitlements").await, 320);
    }
}

/// A store of its own on the same database: another node.
async fn node(database: &TestDatabase) -> Store {
    let master = MasterKey::read(&database.folder.path().join("master.key")).unwrap();
    Store::connect(&database.settings, master).await.unwrap()
}

/// The import runs on a node of its own.
async fn spawn(database: &TestDatabase, case: Case) -> JoinHandle<Outcome> {
    let node = node(database).await;
    tokio::spawn(async move { case.import(&node).await })
}

/// Two batches of one entitlement each, the second after both imports have written their first.
async fn crossing(database: TestDatabase, case: Case, meet: Arc<Barrier>) -> Outcome {
    let node = node(&database).await;
    let mut open = case.open(&node).await?;
    for entitlement in &case.entitlements {
        open.add(vec![entitlement.clone()]).await?;
        // SQLite has one writer: the other one is not even open.
        if node.engine() == Engine::Postgres && entitlement == &case.entitlements[0] {
            meet.wait().await;
        }
    }
    case.finish(open).await
}

/// One import is in. The other was told why not, or that it may try again; then it is told.
async fn one_winner(database: &TestDatabase, outcomes: [(Case, Outcome); 2]) {
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, o)| o.is_ok());
    assert_eq!(
        won.len(),
        1,
        "{lost:?}",
        lost = lost.iter().map(|l| &l.1).collect::<Vec<_>>()
    );
    for (case, outcome) in lost {
        if !matches!(outcome, Err(StorageError::Unavailable(_))) {
            in_use(&outcome);
        }
        in_use(&case.import(&database.store).await);
    }
}

fn in_use(outcome: &Outcome) {
    assert!(
        matches!(outcome, Err(StorageError::EntitlementIdInUse(_))),
        "{outcome:?}"
    );
}
