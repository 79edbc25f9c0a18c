//! Repositories and commits in memory, since an edge asks for every file. A repository is asked for again
//! after half a second, its commits only once its generation is another: so a sync counts within a second on
//! every node, and at once on the one that took it. While the database is away, what is here goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use moka::future::Cache;
use portolan_domain::{
    edge::{Need, Resource, need},
    ids::{CommitId, RepoName},
    repo::CommitFacts,
};
use portolan_storage::{Repo, StorageError, Store};
use tokio::sync::Semaphore;

use crate::{patience::patiently, pulse::Pulse};

/// How long a repository is believed without asking again.
const FRESH: Duration = Duration::from_millis(500);
/// How long what is here goes on while the database is away.
const STALE: Duration = Duration::from_hours(24);
/// Repositories in memory at most; names that are nobody's count, too.
const MOST_REPOS: u64 = 20_000;
/// Bytes of commits in memory at most.
const MOST_BYTES: u64 = 128 << 20;
/// Questions to the database at once. Anybody may ask for commits that there are not: that must leave
/// connections to the others.
const QUESTIONS: usize = 4;

/// What is known of a URL.
#[derive(Debug, Clone)]
pub struct Found {
    /// The repository; none where it is unknown, or the URL is of none.
    pub repo: Option<Arc<Repo>>,
    commit: Option<Arc<CommitFacts>>,
    asks: Asks,
}

/// What a URL is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Nothing,
    File,
    Commit,
}

#[derive(Clone)]
struct Entry {
    repo: Option<Arc<Repo>>,
    asked: Instant,
    change: u64,
}

/// A commit of a repository as it was in one generation.
type CommitKey = (i64, i64, CommitId);

/// The memory; cheap to clone.
#[derive(Clone)]
pub struct Edges {
    store: Store,
    pulse: Pulse,
    repos: Cache<RepoName, Entry>,
    commits: Cache<CommitKey, Option<Arc<CommitFacts>>>,
    questions: Arc<Semaphore>,
    changes: Arc<AtomicU64>,
}

impl Found {
    /// What the URL needs.
    #[must_use]
    pub fn need(&self) -> Need<'_> {
        match (&self.repo, self.asks) {
            (_, Asks::Nothing) | (Some(_), Asks::File) => Need::Nothing,
            (None, _) => Need::Unknown,
            (Some(repo), Asks::Commit) => need(&repo.settings, self.commit.as_deref()),
        }
    }
}

impl Edges {
    /// An empty memory over a store.
    #[must_use]
    pub fn new(store: Store, pulse: Pulse) -> Self {
        let weight = |_: &CommitKey, facts: &Option<Arc<CommitFacts>>| {
            let refs = facts.iter().flat_map(|facts| &facts.refs);
            let bytes: usize = refs.map(|name| name.as_str().len() + 64).sum();
            // The key, the entry and what moka keeps of it.
            u32::try_from(bytes + 320).unwrap_or(u32::MAX)
        };
        let commits = Cache::builder().weigher(weight).max_capacity(MOST_BYTES);
        Self {
            store,
            pulse,
            repos: Cache::builder()
                .max_capacity(MOST_REPOS)
                .time_to_live(STALE)
                .build(),
            commits: commits.time_to_live(STALE).build(),
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            changes: Arc::default(),
        }
    }

    /// Makes what is here old: called after every change of a repository or its commits, before it is
    /// acknowledged. Each repository is then one row away; its commits stay where it did not change.
    pub fn changed(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// What is known of a URL.
    ///
    /// # Errors
    /// Where the database failed, and memory has no answer.
    pub async fn find(&self, resource: &Resource) -> Result<Found, StorageError> {
        let (name, commit, asks) = parts(resource);
        let repo = match name {
            Some(name) => self.repo(name).await?,
            None => None,
        };
        let commit = match (&repo, commit) {
            // Where nothing needs a token, no commit needs to be known.
            (Some(repo), Some(commit)) if repo.settings.requires_tokens() => {
                self.commit(repo, commit).await?
            }
            _ => None,
        };
        Ok(Found { repo, commit, asks })
    }

    /// The same, where memory alone knows it and is right.
    pub async fn remembered(&self, resource: &Resource) -> Option<Found> {
        let (name, commit, asks) = parts(resource);
        let repo = match name {
            Some(name) => {
                let change = self.changes.load(Ordering::SeqCst);
                let known = self.repos.get(name).await?;
                let is_right = known.change >= change && known.asked.elapsed() < FRESH;
                known.repo.filter(|_| is_right).map(Some)?
            }
            None => None,
        };
        let commit = match (&repo, commit) {
            (Some(repo), Some(commit)) if repo.settings.requires_tokens() => {
                let key = (repo.id, repo.generation, commit.clone());
                self.commits.get(&key).await?
            }
            _ => None,
        };
        Some(Found { repo, commit, asks })
    }

    async fn repo(&self, name: &RepoName) -> Result<Option<Arc<Repo>>, StorageError> {
        // Before the question: what is changed while it runs makes its answer old.
        let (change, asked) = (self.changes.load(Ordering::SeqCst), Instant::now());
        let known = self.repos.get(name).await;
        let known = known.filter(|known| known.change >= change);
        if let Some(known) = &known
            && (known.asked.elapsed() < FRESH || self.pulse.is_away())
        {
            return Ok(known.repo.clone());
        }
        let question = self.ask(self.store.repo(name));
        let repo = match (patiently(question, known.is_some()).await, known) {
            (Ok(repo), _) => repo.map(Arc::new),
            (Err(StorageError::Unavailable(error)), Some(known)) => {
                tracing::warn!(%error, repo = %name, "the database is away: decided from memory");
                return Ok(known.repo);
            }
            (Err(error), _) => return Err(error),
        };
        let entry = Entry {
            repo: repo.clone(),
            asked,
            change,
        };
        self.repos.insert(name.clone(), entry).await;
        Ok(repo)
    }

    async fn commit(
        &self,
        repo: &Repo,
        commit: &CommitId,
    ) -> Result<Option<Arc<CommitFacts>>, StorageError> {
        let key = (repo.id, repo.generation, commit.clone());
        if let Some(known) = self.commits.get(&key).await {
            return Ok(known);
        }
        let question = self.ask(self.store.commit(repo, commit));
        let facts = patiently(question, false).await?.map(Arc::new);
        self.commits.insert(key, facts.clone()).await;
        Ok(facts)
    }

    async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        let _turn = self.questions.acquire().await;
        question.await
    }
}

/// Whose a URL is, where that can be seen, and what it asks for.
fn parts(resource: &Resource) -> (Option<&RepoName>, Option<&CommitId>, Asks) {
    match resource {
        Resource::Elsewhere => (None, None, Asks::Nothing),
        Resource::File(repo) => (repo.as_ref(), None, Asks::File),
        Resource::Commit(repo, commit) => (repo.as_ref(), commit.as_ref(), Asks::Commit),
    }
}
