//! The use case of a batch of registrations, behind the route and the command. Lines are checked before a
//! transaction opens, and read again within it: neither is slower than our own disk.

mod lines;

use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
};

use portolan_domain::{ids::OwnerKey, registration::LineFault};
use portolan_storage::{Actor, BatchCounts, BatchLine, StorageError, Store};
use thiserror::Error;
use tokio::{sync::mpsc, task::spawn_blocking};

use self::lines::Lines;

/// Lines of a batch that say something, at most.
pub const MOST_LINES: u64 = 1_000_000;
/// Lines that travel to the database at once.
const CHUNK: usize = 4000;

/// Why a batch was not stored.
#[derive(Debug, Error)]
pub enum RegistrationError {
    /// A line is no registration.
    #[error("line {line}: {fault}")]
    Line {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// There are more lines than a batch may have.
    #[error("line {line}: a batch may have at most {MOST_LINES} lines")]
    TooMany {
        /// The first line too many.
        line: u64,
    },
    /// A line stands against what is here, or the database failed.
    #[error(transparent)]
    Store(#[from] StorageError),
    /// A temporary file failed.
    #[error("a temporary file failed")]
    Disk(#[from] io::Error),
    /// A thread of this program ended early.
    #[error("the batch was interrupted")]
    Interrupted,
}

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
) -> Result<BatchCounts, RegistrationError> {
    let interrupted = |_| RegistrationError::Interrupted;
    let checked = spawn_blocking(move || check(file));
    let file = checked.await.map_err(interrupted)??;
    let (sender, mut chunks) = mpsc::channel(1);
    let reading = spawn_blocking(move || send(file, &sender));
    let mut batch = store.begin_batch(owner).await?;
    while let Some(lines) = chunks.recv().await {
        batch.add(&lines).await?;
    }
    reading.await.map_err(interrupted)??;
    Ok(batch.finish(replace, by).await?)
}

/// Reads all lines once, so that no transaction waits for what will be refused.
fn check(mut file: File) -> Result<File, RegistrationError> {
    for line in Lines::of(&file) {
        line?;
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Sends the lines on. Where nobody takes them any more, the storing side has failed and knows why.
fn send(file: File, sender: &mpsc::Sender<Vec<BatchLine>>) -> Result<(), RegistrationError> {
    let mut lines = Lines::of(file);
    loop {
        let chunk: Vec<BatchLine> = lines.by_ref().take(CHUNK).collect::<Result<_, _>>()?;
        if chunk.is_empty() {
            return Ok(());
        }
        let gone = |_| RegistrationError::Interrupted;
        sender.blocking_send(chunk).map_err(gone)?;
    }
}
