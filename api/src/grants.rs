//! The use case of a batch of grants, behind the route and the command.

use std::fs::File;

use portolan_domain::{grants::GrantLine, ids::OwnerKey};
use portolan_storage::{Actor, BatchCounts, Store};

use crate::batch::{BatchError, Chunks, checked};

/// Grants what the lines of this file say, all or nothing. With `replace`, the owner grants nothing else
/// afterwards.
///
/// # Errors
/// The first line that is refused, or what failed. Nothing is stored then.
pub async fn grant(
    store: &Store,
    owner: &OwnerKey,
    file: File,
    replace: bool,
    by: &Actor,
) -> Result<BatchCounts, BatchError> {
    let mut chunks = Chunks::of(checked::<GrantLine>(file).await?);
    let mut batch = store.begin_grant_batch(owner).await?;
    while let Some(lines) = chunks.next().await {
        batch.add(&lines).await?;
    }
    chunks.finish().await?;
    Ok(batch.finish(replace, by).await?)
}
