//! The use case of a batch of registrations, behind the route and the command.

use std::fs::File;

use portolan_domain::{ids::OwnerKey, registration::Registration};
use portolan_storage::{Actor, BatchCounts, Store};

use crate::batch::{BatchError, Chunks, checked};

/// Registers what the lines of this file say, all or none. With `replace`, the owner has no others
/// afterwards.
///
/// # Errors
/// The first line that is refused, or what failed. Nothing is stored then.
pub async fn register(
    store: &Store,
    owner: &OwnerKey,
    file: File,
    replace: bool,
    by: &Actor,
) -> Result<BatchCounts, BatchError> {
    let mut chunks = Chunks::of(checked::<Registration>(file).await?);
    let mut batch = store.begin_batch(owner).await?;
    while let Some(lines) = chunks.next().await {
        batch.add(&lines).await?;
    }
    chunks.finish().await?;
    Ok(batch.finish(replace, by).await?)
}
