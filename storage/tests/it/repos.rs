//! Repositories and their commits: whose a name and a collection are, and syncs, all or none.

use std::collections::BTreeSet;

use portolan_domain::{
    ids::{CommitId, OwnerKey},
    repo::{CommitFacts, CommitLine, RepoSettings, TokenType},
};
use portolan_storage::{
    BatchCounts, BatchLine, LineRefusal, NewRepo, Repo, StorageError, Store, both_engines,
    testing::TestDatabase,
};

use crate::{
    raw::Raw,
    support::{by, create_owners, id},
};

both_engines! {
    async fn a_repository_is_put_changed_and_deleted(database: TestDatabase) {
        let store = prepared(&database).await;
        let made = store.put_repo(&repo("stable", "acme", "org.acme.Stable"), &by()).await.unwrap();
        assert_eq!((made.owner.as_str(), made.name.as_str()), ("acme", "stable"));
        let raw = Raw::of(&database).await;
        let before = raw.everything().await;
        let again = store.put_repo(&repo("stable", "acme", "org.acme.Stable"), &by()).await.unwrap();
        assert_eq!((&again, raw.everything().await), (&made, before), "the same changes nothing");
        let mut other = repo("stable", "acme", "org.acme.Beta");
        other.settings.require_auth_for_token_types = BTreeSet::from([kind(2), kind(7)]);
        let changed = store.put_repo(&other, &by()).await.unwrap();
        assert_eq!(changed.settings, other.settings);
        assert!(changed.generation > made.generation && changed.id == made.id);
        assert_eq!(store.repo(&id("stable")).await.unwrap(), Some(changed));
        assert_eq!(collections(&raw).await, ["org.acme.Beta"], "what is unused is anybody's");
        assert!(!store.delete_repo(&id("other"), &id("stable"), &by()).await.unwrap());
        assert!(store.delete_repo(&id("acme"), &id("stable"), &by()).await.unwrap());
        assert!(!store.delete_repo(&id("acme"), &id("stable"), &by()).await.unwrap());
        assert!(collections(&raw).await.is_empty());
    }

    async fn a_name_and_a_collection_are_one_owners(database: TestDatabase) {
        let store = prepared(&database).await;
        let put = async |name, owner, collection| {
            store.put_repo(&repo(name, owner, collection), &by()).await
        };
        put("stable", "acme", "org.acme.Stable").await.unwrap();
        put("mirror", "acme", "org.acme.Stable").await.unwrap();
        let taken = put("stable", "other", "org.other.Stable").await.unwrap_err();
        assert!(matches!(taken, StorageError::RepoInUse(_)), "{taken:?}");
        let taken = put("mine", "other", "org.acme.Stable").await.unwrap_err();
        assert!(matches!(taken, StorageError::CollectionInUse(_)), "{taken:?}");
        put("mine", "other", "org.other.Stable").await.unwrap();
        let taken = put("mine", "other", "org.acme.Stable").await.unwrap_err();
        assert!(matches!(taken, StorageError::CollectionInUse(_)), "{taken:?}");
        let nobody = put("x", "nobody", "org.x.Y").await.unwrap_err();
        assert!(matches!(nobody, StorageError::NotFound { what: "owner", .. }), "{nobody:?}");
        let all = store.repos(None, None, 2).await.unwrap();
        assert_eq!((names(&all.items), all.more), (vec!["mine", "mirror"], true));
        let only: [OwnerKey; 1] = [id("acme")];
        let own = store.repos(Some(&only), Some(&id("mirror")), 9).await.unwrap();
        assert_eq!((names(&own.items), own.more), (vec!["stable"], false));
        store.delete_repo(&id("acme"), &id("mirror"), &by()).await.unwrap();
        assert!(put("mine", "other", "org.acme.Stable").await.is_err(), "one has it still");
        store.delete_owner(&id("acme"), &by()).await.unwrap();
        put("stable", "other", "org.acme.Stable").await.unwrap();
    }

    async fn two_owners_that_want_one_name_are_told_apart(database: TestDatabase) {
        let store = prepared(&database).await;
        let one = repo("stable", "acme", "org.acme.Stable");
        let two = repo("stable", "other", "org.other.Stable");
        let by = by();
        let (one, two) = tokio::join!(store.put_repo(&one, &by), store.put_repo(&two, &by));
        let refused = [one.err(), two.err()].into_iter().flatten().collect::<Vec<_>>();
        assert!(matches!(refused[..], [StorageError::RepoInUse(_)]), "{refused:?}");
    }

    async fn commits_are_brought_to_what_a_sync_says(database: TestDatabase) {
        let store = prepared(&database).await;
        store.put_repo(&repo("stable", "acme", "org.acme.Stable"), &by()).await.unwrap();
        let first = [line(1, None, &["b", "a"]), line(2, Some(1), &["a"])];
        let done = sync(&store, "stable", &first, false).await.unwrap();
        assert_eq!(done, BatchCounts { created: 2, ..BatchCounts::default() });
        let generation = stable(&store).await.generation;
        let same = [line(2, Some(1), &["a"]), line(1, None, &["a", "b"])];
        let done = sync(&store, "stable", &same, true).await.unwrap();
        assert_eq!(done, BatchCounts { unchanged: 2, ..BatchCounts::default() });
        assert_eq!(stable(&store).await.generation, generation);
        let next = [line(2, Some(0), &["a"]), line(3, None, &["c"])];
        let done = sync(&store, "stable", &next, true).await.unwrap();
        assert_eq!(done, BatchCounts { created: 1, updated: 1, removed: 1, unchanged: 0 });
        let repo = stable(&store).await;
        assert!(repo.generation > generation);
        assert_eq!(store.commit(&repo, &commit(1)).await.unwrap(), None);
        let facts = store.commit(&repo, &commit(2)).await.unwrap();
        assert_eq!(facts, Some(next[0].facts.clone()));
        let twice = [line(5, None, &["a"]), line(6, None, &["a"]), line(5, None, &["b"])];
        let refused = sync(&store, "stable", &twice, true).await.unwrap_err();
        let what = LineRefusal::Twice { what: "commit", name: commit(5).to_string() };
        match refused {
            StorageError::Line { line, refusal } => assert_eq!((line, refusal), (3, what)),
            other => panic!("{other:?}"),
        }
        assert!(store.commit(&repo, &commit(3)).await.unwrap().is_some(), "nothing was stored");
        let unknown = sync(&store, "nowhere", &[], true).await.unwrap_err();
        assert!(matches!(unknown, StorageError::NotFound { what: "repository", .. }), "{unknown:?}");
        let gone = sync(&store, "stable", &[], true).await.unwrap();
        assert_eq!(gone.removed, 2);
    }

    async fn anothers_repository_cannot_be_synced(database: TestDatabase) {
        let store = prepared(&database).await;
        store.put_repo(&repo("stable", "acme", "org.acme.Stable"), &by()).await.unwrap();
        let refused = store.begin_commit_sync(&id("other"), &id("stable")).await.err().unwrap();
        assert!(matches!(refused, StorageError::NotFound { what: "repository", .. }), "{refused:?}");
    }
}

async fn prepared(database: &TestDatabase) -> Store {
    create_owners(&database.store, &["acme", "other"]).await;
    database.store.clone()
}

async fn stable(store: &Store) -> Repo {
    store.repo(&id("stable")).await.unwrap().unwrap()
}

async fn collections(raw: &Raw) -> Vec<String> {
    raw.column("SELECT id FROM collections ORDER BY id").await
}

fn names(repos: &[Repo]) -> Vec<&str> {
    repos.iter().map(|repo| repo.name.as_str()).collect()
}

fn kind(number: i64) -> TokenType {
    number.try_into().unwrap()
}

fn repo(name: &str, owner: &str, collection: &str) -> NewRepo {
    NewRepo {
        name: id(name),
        owner: id(owner),
        settings: RepoSettings {
            collection: id(collection),
            require_auth_for_token_types: BTreeSet::new(),
            default_token_type: TokenType::default(),
        },
    }
}

fn commit(number: u8) -> CommitId {
    id(&format!("{number:02x}").repeat(32))
}

fn line(number: u8, token_type: Option<i64>, refs: &[&str]) -> CommitLine {
    CommitLine {
        commit: commit(number),
        facts: CommitFacts {
            token_type: token_type.map(kind),
            refs: refs.iter().map(|name| id(name)).collect(),
        },
    }
}

async fn sync(
    store: &Store,
    repo: &str,
    lines: &[CommitLine],
    replace: bool,
) -> Result<BatchCounts, StorageError> {
    let numbered = lines.iter().zip(1..).map(|(line, number)| BatchLine {
        number,
        item: line.clone(),
    });
    let mut open = store.begin_commit_sync(&id("acme"), &id(repo)).await?;
    open.add(&numbered.collect::<Vec<_>>()).await?;
    open.finish(replace, &by()).await
}
