//! Which refs each commit of a real OSTree repository is of: those that it is bound to, those that are at
//! it, and where it is bound to none, those that were at it before. And its token type.

use std::collections::{BTreeMap, BTreeSet};

use portolan_domain::{
    digest::Sha256Digest,
    ids::{CollectionId, CommitId, RefName},
    ostree::{CommitObject, read_commit, read_superblock},
    repo::{CommitFacts, CommitLine},
};

use super::source::{ScanError, Source};

/// Commits of one ref that are followed back at most.
const MOST_PARENTS: usize = 10_000;

/// What was found.
#[derive(Debug, Default)]
pub struct Scan {
    /// The commits, each with one ref at least.
    pub commits: BTreeMap<CommitId, CommitFacts>,
    /// The collections that they are bound to, and that the summary names.
    pub collections: BTreeSet<CollectionId>,
    /// Refs.
    pub refs: usize,
    /// Deltas.
    pub deltas: usize,
    /// Commits that no ref leads to: they stay unknown.
    pub without_ref: usize,
}

impl Scan {
    /// The commits as the lines of a sync.
    pub fn lines(&self) -> impl Iterator<Item = CommitLine> {
        self.commits.iter().map(|(commit, facts)| CommitLine {
            commit: commit.clone(),
            facts: facts.clone(),
        })
    }
}

/// Commits as they were read, and the refs that lead to each.
struct Walk<'a> {
    source: &'a Source,
    objects: BTreeMap<CommitId, CommitObject>,
    led_to: BTreeMap<CommitId, BTreeSet<RefName>>,
}

/// Reads a repository.
///
/// # Errors
/// [`ScanError`]: half of a repository is not taken for the whole.
pub async fn scan(source: &Source) -> Result<Scan, ScanError> {
    let (heads, collection) = source.heads().await?;
    let mut walk = Walk {
        source,
        objects: BTreeMap::new(),
        led_to: BTreeMap::new(),
    };
    for (name, commit) in &heads {
        walk.follow(name, commit).await?;
    }
    for commit in source.commits()? {
        walk.object(&commit).await?;
    }
    let deltas = source.deltas()?;
    for (path, target) in &deltas {
        walk.delta(path, target).await?;
    }
    let mut found = walk.finish();
    found.collections.extend(collection);
    (found.refs, found.deltas) = (heads.len(), deltas.len());
    Ok(found)
}

impl Walk<'_> {
    /// Follows a ref's commits back, to where there is none any more.
    async fn follow(&mut self, name: &RefName, head: &CommitId) -> Result<(), ScanError> {
        let mut next = Some(head.clone());
        for step in 0..MOST_PARENTS {
            let Some(commit) = next.take() else {
                break;
            };
            let Some(object) = self.object(&commit).await? else {
                // Its history may have been pruned; the ref's own commit may not.
                if step == 0 {
                    return Err(ScanError::MissingCommit(commit, name.clone()));
                }
                break;
            };
            next.clone_from(&object.parent);
            let is_bound = !object.refs.is_empty();
            if step == 0 || !is_bound {
                let refs = self.led_to.entry(commit).or_default();
                if !refs.insert(name.clone()) {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn object(&mut self, commit: &CommitId) -> Result<Option<&CommitObject>, ScanError> {
        if !self.objects.contains_key(commit) {
            let (first, rest) = commit.as_str().split_at(2);
            let path = format!("objects/{first}/{rest}.commit");
            let Some(bytes) = self.source.read(&path).await? else {
                return Ok(None);
            };
            let malformed = |error| ScanError::Malformed(path.clone(), error);
            let object = read_commit(&bytes).map_err(malformed)?;
            // A mirror's word about a commit counts as little as anybody's.
            if Sha256Digest::of(&bytes).to_string() != commit.as_str() {
                return Err(ScanError::Altered(path));
            }
            self.objects.insert(commit.clone(), object);
        }
        Ok(self.objects.get(commit))
    }

    /// A delta may be here without the commit that it leads to: it carries one.
    async fn delta(&mut self, path: &str, target: &CommitId) -> Result<(), ScanError> {
        if self.objects.contains_key(target) {
            return Ok(());
        }
        let Some(bytes) = self.source.read(path).await? else {
            return Ok(());
        };
        let malformed = |error| ScanError::Malformed(path.to_owned(), error);
        let superblock = read_superblock(&bytes).map_err(malformed)?;
        self.objects.insert(superblock.to, superblock.commit);
        Ok(())
    }

    fn finish(mut self) -> Scan {
        let mut found = Scan::default();
        for (commit, object) in self.objects {
            let mut refs = self.led_to.remove(&commit).unwrap_or_default();
            refs.extend(object.refs);
            found.collections.extend(object.collection);
            if refs.is_empty() {
                found.without_ref += 1;
                continue;
            }
            let facts = CommitFacts {
                token_type: object.token_type,
                refs,
            };
            found.commits.insert(commit, facts);
        }
        found
    }
}
