//! The use case of a sync, behind the route and the command: a repository's commits become what a file says.

use std::fs::File;

use portolan_domain::{
    ids::{OwnerKey, RepoName},
    repo::CommitLine,
};
use portolan_storage::{Actor, BatchCounts, Store};

use crate::batch::{BatchError, Chunks, checked};

/// Takes the commits that the lines of this file tell of, all or none. With `replace`, the repository has
/// no others afterwards.
///
/// # Errors
/// The first line that is refused, or what failed. Nothing is stored then.
pub async fn sync_commits(
    store: &Store,
    (owner, repo): (&OwnerKey, &RepoName),
    file: File,
    replace: bool,
    by: &Actor,
) -> Result<BatchCounts, BatchError> {
    let mut chunks = Chunks::of(checked::<CommitLine>(file).await?);
    let mut sync = store.begin_commit_sync(owner, repo).await?;
    while let Some(lines) = chunks.next().await {
        sync.add(&lines).await?;
    }
    chunks.finish().await?;
    Ok(sync.finish(replace, by).await?)
}
