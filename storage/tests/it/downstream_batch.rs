//! Batches of registrations: all or none, each refusal with its line.

use portolan_domain::registration::{Registration, Source};
use portolan_storage::{
    BatchCounts, BatchLine, LineRefusal, StorageError, Store, both_engines, testing::TestDatabase,
};

use crate::{
    raw::Raw,
    support::{Case, by, create_owners, entitlement, id},
};

/// Id and source of each.
type Lines<'a> = &'a [(&'a str, Source)];

both_engines! {
    async fn a_batch_creates_updates_and_removes(database: TestDatabase) {
        let store = prepared(&database).await;
        let first = [("a", pool("p")), ("b", upstream("e")), ("c", Source::Owner)];
        let done = batch(&store, "acme", &first, false).await.unwrap();
        assert_eq!(done, BatchCounts { created: 3, ..BatchCounts::default() });
        let raw = Raw::of(&database).await;
        let before = raw.everything().await;
        let again = batch(&store, "acme", &first, true).await.unwrap();
        assert_eq!(again, BatchCounts { unchanged: 3, ..BatchCounts::default() });
        assert_eq!(raw.everything().await, before, "what did not change is not written");
        let next = [("c", pool("q")), ("b", upstream("e")), ("d", Source::Owner)];
        let done = batch(&store, "acme", &next, true).await.unwrap();
        assert_eq!(done, BatchCounts { created: 1, updated: 1, unchanged: 1, removed: 1 });
        assert_eq!(registered(&raw).await, ["b:p:e", "c:q:-", "d:-:-"]);
        let kept = batch(&store, "acme", &[("c", Source::Owner)], false).await.unwrap();
        assert_eq!(kept, BatchCounts { updated: 1, ..BatchCounts::default() });
        let all_gone = batch(&store, "acme", &[], true).await.unwrap();
        assert_eq!(all_gone, BatchCounts { removed: 3, ..BatchCounts::default() });
        let ids = "SELECT id FROM entitlement_ids WHERE kind = 'DOWNSTREAM'";
        assert_eq!(raw.column::<String>(ids).await, Vec::<String>::new());
    }

    async fn the_first_line_that_is_refused_is_named(database: TestDatabase) {
        let store = prepared(&database).await;
        batch(&store, "other", &[("taken", Source::Owner)], false).await.unwrap();
        let before = Raw::of(&database).await.everything().await;
        let twice = |name: &str| LineRefusal::Twice { what: "entitlement id", name: name.to_owned() };
        let cases: [(Lines, u64, LineRefusal); 6] = [
            (&[("a", Source::Owner), ("b", Source::Owner), ("a", pool("p"))], 3, twice("a")),
            (&[("a", pool("p")), ("b", pool("other-p"))], 2,
                LineRefusal::UnknownPool("other-p".to_owned())),
            (&[("a", pool("p")), ("b", upstream("other-e"))], 2,
                LineRefusal::UnknownUpstream("other-e".to_owned())),
            (&[("a", pool("p")), ("taken", pool("nowhere"))], 2,
                LineRefusal::UnknownPool("nowhere".to_owned())),
            (&[("taken", Source::Owner), ("b", pool("nowhere"))], 1,
                LineRefusal::InUse("taken".to_owned())),
            (&[("a", pool("p")), ("e", pool("p"))], 2, LineRefusal::InUse("e".to_owned())),
        ];
        for (lines, at, why) in cases {
            match batch(&store, "acme", lines, true).await {
                Err(StorageError::Line { line, refusal }) => assert_eq!((line, refusal), (at, why)),
                other => panic!("{lines:?}: {other:?}"),
            }
        }
        assert_eq!(Raw::of(&database).await.everything().await, before);
    }

    async fn a_batch_that_is_dropped_leaves_nothing(database: TestDatabase) {
        let store = prepared(&database).await;
        for _ in 0..3 {
            let mut open = store.begin_batch(&id("acme")).await.unwrap();
            open.add(&lines(&[("a", Source::Owner)])).await.unwrap();
        }
        assert_eq!(Raw::of(&database).await.count("downstream_entitlements").await, 0);
        assert_eq!(batch(&store, "acme", &[("a", Source::Owner)], false).await.unwrap().created, 1);
    }

    async fn of_two_batches_with_the_same_ids_one_is_refused(database: TestDatabase) {
        let store = prepared(&database).await;
        let names: Vec<String> = (0..3000).map(|n| format!("n{n}")).collect();
        let up: Vec<_> = names.iter().map(|name| (name.as_str(), Source::Owner)).collect();
        let down: Vec<_> = up.iter().rev().cloned().collect();
        let (one, other) = tokio::join!(
            batch(&store, "acme", &up, false),
            batch(&store, "other", &down, false),
        );
        let (done, refused) = if one.is_ok() { (one, other) } else { (other, one) };
        assert_eq!(done.unwrap().created, 3000);
        assert!(matches!(refused, Err(StorageError::Line { line: 1, refusal: LineRefusal::InUse(_) })),
            "{refused:?}");
        let owners = "SELECT DISTINCT owner_id FROM downstream_entitlements";
        assert_eq!(Raw::of(&database).await.column::<i64>(owners).await.len(), 1);
    }
}

/// Two owners with what they imported.
async fn prepared(database: &TestDatabase) -> Store {
    let store = database.store.clone();
    create_owners(&store, &["acme", "other"]).await;
    let acme = Case::of("acme")
        .with(entitlement("e", "p"))
        .with(entitlement("f", "q"));
    acme.import(&store).await.unwrap();
    let other = Case::of("other").with(entitlement("other-e", "other-p"));
    other.import(&store).await.unwrap();
    store
}

fn pool(name: &str) -> Source {
    Source::Pool(id(name))
}

fn upstream(name: &str) -> Source {
    Source::Upstream(id(name))
}

fn lines(of: Lines) -> Vec<BatchLine<Registration>> {
    let line = |(number, (name, source)): (usize, &(&str, Source))| BatchLine {
        number: number as u64 + 1,
        item: Registration {
            id: id(name),
            source: source.clone(),
        },
    };
    of.iter().enumerate().map(line).collect()
}

async fn batch(
    store: &Store,
    owner: &str,
    of: Lines<'_>,
    replace: bool,
) -> Result<BatchCounts, StorageError> {
    let mut open = store.begin_batch(&id(owner)).await?;
    for lines in lines(of).chunks(1000) {
        open.add(lines).await?;
    }
    open.finish(replace, &by()).await
}

/// Id, pool and upstream entitlement of each.
async fn registered(raw: &Raw) -> Vec<String> {
    raw.column(
        "SELECT id || ':' || coalesce(pool_id, '-') || ':' || coalesce(upstream_id, '-') \
         FROM downstream_entitlements ORDER BY id",
    )
    .await
}
